import { type IpNetwork, networkBase, parseIp, parseNetwork } from "../base/ip.ts";
import type { SourceFile, Statement } from "./block-file.ts";
import { numberIn } from "./config-values.ts";
import type { Place, Remarks } from "./remark.ts";

/** A route, of keepalived or of `ip route`. */
export interface RouteFact {
  readonly at: Place;
  readonly to: IpNetwork;
  /** The next router's address, canonical or not. */
  readonly via: string | undefined;
  readonly device: string | undefined;
  readonly metric: number | undefined;
  /** Only the active node has it. */
  readonly isVirtual: boolean;
}

const hint =
  "Put it into the network configuration of every node: it may stand there on the standby as well.";

/** The routes of a block of keepalived. */
export function readRoutes(
  { block }: Statement,
  { remarks, isVirtual }: { readonly remarks: Remarks; readonly isVirtual: boolean },
): RouteFact[] {
  return (block ?? []).flatMap((one) => readRoute(one, [one.name, ...one.values], isVirtual, remarks));
}

const LINES_MAX = 10_000;

/** What `ip route` shows, or the commands that set it, one a line. */
export function readRouteLines({ file, text }: SourceFile, remarks: Remarks): RouteFact[] {
  return text
    .split(/\r\n|\n|\r/)
    .slice(0, LINES_MAX)
    .flatMap((line, index): RouteFact[] => {
      const at: Place = { file, line: index + 1, text: line.trim().slice(0, 200) };
      const words = (line.split("#", 1)[0] ?? "").trim().slice(0, 1_024).split(/\s+/);
      if (words[0] === "") return [];
      const verb = words.findIndex((word) => word === "add" || word === "replace" || word === "append");
      const isCommand = /^(sudo|(\/s?bin\/|\/usr\/s?bin\/)?ip)$/.test(words[0] ?? "");
      if (isCommand && (verb < 0 || !words.slice(0, verb).some((word) => /^r(oute)?$/.test(word)))) {
        remarks.lost(at, "it is no route", hint);
        return [];
      }
      const isIpv6 = words.slice(0, Math.max(0, verb)).includes("-6");
      return readRoute(at, isCommand ? words.slice(verb + 1) : words, false, remarks, isIpv6);
    });
}

/** Words that say nothing of where packets go. */
const idle = /^(scope|track_group|src|pref)$/;

function readRoute(
  at: Place,
  words: readonly string[],
  isVirtual: boolean,
  remarks: Remarks,
  isIpv6 = false,
): RouteFact[] {
  const lost = (why: string) => {
    remarks.lost(at, why, hint);
    return [];
  };
  let to: string | undefined;
  let via: string | undefined;
  let device: string | undefined;
  let metric: number | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const value = words[i + 1] ?? "";
    if (word === "to") continue;
    if (word === "via" || word === "gw") {
      via = /^inet6?$/.test(value) ? words[++i + 1] : value;
      i++;
    } else if (word === "dev" || word === "oif") {
      device = value;
      i++;
    } else if (/^(metric|priority|preference)$/.test(word)) {
      metric = numberIn(value, 0, 999_999_999);
      if (metric === undefined) return lost("its metric is no number of the document");
      i++;
    } else if (word === "table") {
      if (!/^(main|254)$/.test(value)) return lost("tocha sets routes of the main table");
      i++;
    } else if (word === "proto" || word === "protocol") {
      if (value === "kernel") {
        remarks.needless(at, "the kernel sets it with the own address of the node");
        return [];
      }
      if (/^(dhcp|ra|bird|zebra|bgp|ospf|isis|rip|babel)$/.test(value))
        return lost(`${value} sets this route`);
      i++;
    } else if (idle.test(word)) {
      if (word === "src")
        remarks.changed(at, "the document says nothing of the source address of own packets");
      i++;
    } else if (
      word !== "no_track" &&
      to === undefined &&
      (word === "default" || parseNetwork(word) !== undefined)
    ) {
      to = word;
    } else if (word !== "no_track" && word !== "linkdown" && word !== "dead") {
      return lost(`"${word.slice(0, 30)}" of a route is not one of the document's`);
    }
  }
  if (to === undefined) return lost("it does not say where it leads to");
  const gateway = via === undefined ? undefined : parseIp(via);
  if (via !== undefined && gateway === undefined) return lost("its router is no address");
  const everything = gateway?.length === 16 || (gateway === undefined && isIpv6) ? "::/0" : "0.0.0.0/0";
  const network = parseNetwork(to === "default" ? everything : to);
  if (network === undefined) return lost("it does not say where it leads to");
  return [{ at, to: networkBase(network), via, device, metric, isVirtual }];
}

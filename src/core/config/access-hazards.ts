import { type IpAddress, parseIp } from "../../base/ip.ts";
import { everyIp, formatIpRange, type IpRange, mergeIpRanges, parseIpRange } from "../../base/ip-range.ts";
import type { Problem } from "../../base/problem.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { canonicalJson } from "../../contract/document-revision.ts";
import type { Hazards } from "./caller-hazard.ts";
import { listText } from "./change-words.ts";
import { InputFirewall } from "./input-verdict.ts";

interface Options {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
}

/** Where nothing is said, gateways are administered over SSH. */
const SSH = 22;
/**
 * So many networks of rules and sets of one document are told apart: those that are new or gone come first, then whoever is let in.
 * With more of them, some that are cut off may go untold; that nobody gets in any more is still seen.
 */
const NAMED_MAX = 250;
/** More of them nobody reads. */
const SHOWN_MAX = 3;

/** Who could administer the gateways, or ask their API, and could no longer. */
export function accessHazards(options: Options): Hazards {
  if (canonicalJson(readOf(options.before)) === canonicalJson(readOf(options.after)))
    return { refusals: [], warnings: [] };
  const ssh = managementHazard(options);
  const api = apiHazard(options);
  return { refusals: [...ssh.refusals, ...api.refusals], warnings: [...ssh.warnings, ...api.warnings] };
}

function readOf({ firewall, management, api, sets, nodes }: ClusterDocument): unknown {
  return { input: firewall?.input, management, api, sets, nodes };
}

function managementHazard(options: Options): Hazards {
  const { before, after } = options;
  const ports = before.management?.ports ?? [SSH];
  const roles = rolesOf(before);
  const lost = lostAccess(options, { ports, roles });
  const what = ports.length === 1 && ports[0] === SSH ? "SSH" : `TCP port ${listText(ports.map(String))}`;
  if (lost.all) {
    const message = `nobody would reach ${what} of the gateways over the network any more`;
    return refused("plan-cuts-management", message, "firewall.input", sayWho);
  }
  // Who says for the first time who administers says that others shall not.
  if (before.management === undefined && (before.firewall?.input === undefined || after.management))
    return { refusals: [], warnings: [] };
  if (lost.parts.length === 0) return { refusals: [], warnings: [] };
  const message = `${listText(lost.parts)} would no longer reach ${what} of the gateways`;
  const hint = "Connections that are open go on. See to it that somebody who still gets in is there.";
  return { refusals: [], warnings: [{ code: "plan-cuts-management", message, hint, path: "management" }] };
}

const sayWho = "Say in management where administrators come from: management: { interfaces: [lan] }.";

function apiHazard(options: Options): Hazards {
  const { before, after } = options;
  const { api } = before;
  if (api === undefined) return { refusals: [], warnings: [] };
  const warned = (message: string, hint: string): Hazards => ({
    refusals: [],
    warnings: [{ code: "plan-cuts-api", message, hint, path: "api" }],
  });
  if (after.api === undefined)
    return warned(
      "the API would no longer be served: whoever asks over HTTPS gets no answer",
      "Commands on the nodes themselves go on working.",
    );
  const reach = { ports: [after.api.port], roles: [after.api.interface] };
  const moves = api.port !== after.api.port || api.interface !== after.api.interface;
  const isReached = someReach(after, reach);
  if (!isReached && someReach(before, { ports: [api.port], roles: [api.interface] }))
    return refused(
      "plan-cuts-api",
      `nobody would reach the API on ${after.api.interface} any more`,
      "firewall.input",
      after.management === undefined
        ? "Let its port pass before the rule that forbids it, or say in management where administrators come from."
        : `Name the interface ${after.api.interface} in management: where management is said, the API is reached by it alone.`,
    );
  if (moves) {
    const message = `the API would be served on ${after.api.interface}, port ${after.api.port}, instead of ${api.interface}, port ${api.port}`;
    return warned(message, "Tell those who ask it: commands with --url, monitoring, scripts.");
  }
  const elsewhere = movedApi(options, api.interface);
  if (elsewhere.length > 0) {
    const message = `the API of ${listText(elsewhere)} would be served at other addresses of ${api.interface}`;
    return warned(message, "Tell those who ask it: commands with --url, monitoring, scripts.");
  }
  const { parts } = lostAccess(options, reach);
  if (parts.length === 0) return { refusals: [], warnings: [] };
  return warned(`${listText(parts)} would no longer reach the API`, "Commands on the nodes go on working.");
}

/** The nodes of whose addresses there none stays. */
function movedApi({ before, after }: Options, role: string): string[] {
  return Object.entries(before.nodes).flatMap(([node, { interfaces }]) => {
    const now = after.nodes[node]?.interfaces[role];
    const stays = interfaces[role]?.addresses.some((one) => now?.addresses.includes(one) === true);
    return now === undefined || stays === true ? [] : [node];
  });
}

function refused(code: string, message: string, path: string, hint: string): Hazards {
  return { refusals: [{ code, message, hint, path }] satisfies Problem[], warnings: [] };
}

interface Reach {
  readonly ports: readonly number[];
  readonly roles: readonly string[];
}

function rolesOf({ nodes }: ClusterDocument): string[] {
  return [...new Set(Object.values(nodes).flatMap(({ interfaces }) => Object.keys(interfaces)))];
}

/**
 * Who got in before and does not after, on each interface; and whether that is everybody. The addresses are divided where verdicts
 * may change: within one part all are alike.
 */
function lostAccess({ before, after }: Options, reach: Reach): { all: boolean; parts: string[] } {
  const [old, now] = [new InputFirewall(before), new InputFirewall(after)];
  const parts = partsOf([before, after], [old, now], reach.ports);
  let isAnybodyIn = false;
  const lost: string[] = [];
  for (const role of reach.roles) {
    const gone: IpRange[] = [];
    let [passed, stays] = [0, 0];
    for (const part of parts) {
      const [was, is] = [old, now].map((firewall) => isLetIn(firewall, part, role, reach.ports));
      if (was) passed++;
      if (is) isAnybodyIn = true;
      if (was && is) stays++;
      if (was && !is) gone.push(part);
    }
    if (passed === 0 || gone.length === 0) continue;
    lost.push(
      stays === 0 && passed === parts.length ? `everybody on ${role}` : `${rangesText(gone)} on ${role}`,
    );
  }
  return { all: lost.length > 0 && !isAnybodyIn, parts: lost };
}

function someReach(document: ClusterDocument, { ports, roles }: Reach): boolean {
  const firewall = new InputFirewall(document);
  const parts = partsOf([document], [firewall], ports);
  return roles.some((role) => parts.some((part) => isLetIn(firewall, part, role, ports)));
}

function isLetIn(firewall: InputFirewall, part: IpRange, role: string, ports: readonly number[]): boolean {
  const from = addressOf(part);
  return ports.some((port) => firewall.verdict({ from, interface: role, port }).verdict !== "dropped");
}

function addressOf({ family, first }: IpRange): IpAddress {
  const address = parseIp(formatIpRange({ family, first, last: first }));
  if (address === undefined) throw new Error("the text of an address is one");
  return address;
}

/** All addresses of both families, divided at every border that one of the documents draws. */
function partsOf(
  documents: readonly ClusterDocument[],
  firewalls: readonly InputFirewall[],
  ports: readonly number[],
): IpRange[] {
  const networks = documents.flatMap(({ nodes }) =>
    Object.values(nodes).flatMap(({ interfaces }) =>
      Object.values(interfaces).flatMap(({ addresses }) =>
        addresses.flatMap((text) => parseIpRange(text) ?? []),
      ),
    ),
  );
  const lists = firewalls.map((firewall) =>
    firewall
      .sources(ports)
      .map(({ range, verdict }) => ({ range, key: `${verdict} ${formatIpRange(range)}` })),
  );
  const named = lists.flatMap((list, index) => {
    const others = new Set(lists[1 - index]?.map(({ key }) => key));
    const isNew = ({ key }: { readonly key: string }) => !others.has(key);
    const inOrder = [...list.filter(isNew), ...list.filter((one) => !isNew(one))];
    return inOrder.slice(0, NAMED_MAX).map(({ range }) => range);
  });
  return dividedAt([...networks, ...named]);
}

function dividedAt(ranges: readonly IpRange[]): IpRange[] {
  return everyIp.flatMap(({ family, first, last }) => {
    const borders = ranges
      .filter((range) => range.family === family)
      .flatMap((range) => [range.first, range.last + 1n])
      .filter((border) => border > first && border <= last);
    const starts = [first, ...[...new Set(borders)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))];
    return starts.map((start, index) => ({
      ...{ family, first: start },
      last: (starts[index + 1] ?? last + 1n) - 1n,
    }));
  });
}

function rangesText(ranges: readonly IpRange[]): string {
  const texts = mergeIpRanges(ranges).map(formatIpRange);
  const more = texts.length - SHOWN_MAX;
  return more <= 0 ? listText(texts) : listText([...texts.slice(0, SHOWN_MAX), `${more} more`]);
}

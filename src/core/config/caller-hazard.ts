import { equalIp, formatIp, type IpAddress, networkContains, parseIp, parseNetwork } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import { type ClusterDocument, virtualAddressesOf } from "../../contract/cluster-document.ts";
import { InputFirewall } from "./input-verdict.ts";
import { type WayBack, wayBack } from "./way-back.ts";

export interface CallerHazardOptions {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  readonly caller: CallerWay | undefined;
  /** The node that is asked. */
  readonly carrying: string | undefined;
}

export interface Hazards {
  readonly refusals: Problem[];
  readonly warnings: Problem[];
}

/** A caller as it stands before one node. */
interface Standing extends Omit<CallerHazardOptions, "caller"> {
  readonly caller: CallerWay;
  readonly node: string;
  readonly address: IpAddress;
  readonly to: IpAddress | undefined;
}

const code = "plan-cuts-caller";
const taken = "A change that is not confirmed is taken back.";

/**
 * Whether whoever asks could still do so after the change. An open connection passes the firewall as before, so nobody would
 * notice until the next one: this says it beforehand.
 */
export function callerHazard({ caller, ...options }: CallerHazardOptions): Hazards {
  const { before, after, carrying } = options;
  const address = caller === undefined ? undefined : parseIp(caller.address);
  if (caller === undefined || address === undefined) return { refusals: [], warnings: [] };
  const to = caller.to === undefined ? undefined : parseIp(caller.to);
  const isThere = (node: string) => before.nodes[node] !== undefined && after.nodes[node] !== undefined;
  const nodes = carrying === undefined ? Object.keys(before.nodes) : [carrying];
  const found = nodes.filter(isThere).map((node): Hazards => {
    const standing = { ...options, caller, node, address, to };
    return both([
      servedHazard(standing),
      addressHazard(standing),
      firewallHazard(standing),
      routeHazard(standing),
      networkHazard(standing),
    ]);
  });
  const { refusals, warnings } = both(found);
  return { refusals: unique(refusals), warnings: unique(warnings) };
}

function both(all: readonly Hazards[]): Hazards {
  return {
    refusals: all.flatMap(({ refusals }) => refusals),
    warnings: all.flatMap(({ warnings }) => warnings),
  };
}

function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}

const nothing: Hazards = { refusals: [], warnings: [] };

function refused(message: string, path: string, hint: string): Hazards {
  return { refusals: [{ code, message, hint: `${hint} ${taken}`, path }], warnings: [] };
}

function warned(message: string, path: string, hint: string): Hazards {
  return { refusals: [], warnings: [{ code, message, hint: `${hint} ${taken}`, path }] };
}

/** What the caller uses, for sentences. */
function access({ caller }: Standing): string {
  return caller.by === "api" ? "the API" : "SSH";
}

/** The API ceases, or is served elsewhere. */
function servedHazard({ before, after, caller, node }: Standing): Hazards {
  if (caller.by !== "api" || before.api === undefined) return nothing;
  const hint = "Ask over SSH or at the console of a node.";
  if (after.api === undefined)
    return refused(`${caller.address} asks this over the API, which would no longer be served`, "api", hint);
  const placeOf = (document: ClusterDocument, role: string) => document.nodes[node]?.interfaces[role];
  const [old, now] = [placeOf(before, before.api.interface), placeOf(after, after.api.interface)];
  const stays =
    before.api.port === after.api.port &&
    old?.device === now?.device &&
    old?.addresses.some((one) => now?.addresses.includes(one) === true) === true;
  if (stays) return nothing;
  const message = `${caller.address} asks this over the API of ${node}, which would be served at another address, interface or port`;
  return refused(message, "api", hint);
}

/** The virtual address that they came to goes away. */
function addressHazard({ before, after, caller, node, to }: Standing): Hazards {
  if (to === undefined) return nothing;
  const facesWith = (document: ClusterDocument) =>
    [...virtualAddressesOf(document)].flatMap(([role, list]) =>
      list.some((text) => isAddress(text, to)) ? [document.nodes[node]?.interfaces[role]?.device ?? ""] : [],
    );
  const [old, now] = [facesWith(before), facesWith(after)];
  if (old.length === 0 || old.some((device) => now.includes(device))) return nothing;
  const message = `${caller.address} asks this over ${formatIp(to)}, a virtual address that would go away`;
  return refused(message, "groups", `Use an own address of ${node}.`);
}

/** The firewall lets in who came in before. */
function firewallHazard(standing: Standing): Hazards {
  const { before, after, caller, node, address, to } = standing;
  const [old, now] = [new InputFirewall(before), new InputFirewall(after)];
  const port = caller.port ?? before.api?.port;
  if (port === undefined) return nothing;
  const judged = arrivals(standing).map((role) => {
    const device = before.nodes[node]?.interfaces[role]?.device;
    const knock = { from: address, port, to };
    return {
      before: old.verdict({ ...knock, interface: role }),
      after: now.verdict({ ...knock, interface: roleOf(after, node, device) }),
    };
  });
  const passed = judged.filter(({ before: { verdict } }) => verdict !== "dropped");
  const cut = passed.filter(({ after: { verdict } }) => verdict !== "passes");
  const [first] = cut;
  if (first === undefined) return nothing;
  const rule = first.after.rule;
  const by = rule === undefined ? "firewall.input" : `the rule ${rule} of firewall.input`;
  const path = rule === undefined ? "firewall.input" : `firewall.input.rules.${rule}`;
  const hint = `Let ${caller.address} in: by management, or by a rule that accepts it.`;
  const who = `${caller.address}, which asks this over ${access(standing)}`;
  const isSure = passed.every(({ after: { verdict } }) => verdict === "dropped");
  if (isSure)
    return refused(
      `${by} would let in no further connection from ${who}: whoever asks would be cut off`,
      path,
      hint,
    );
  return warned(`${by} may let in no further connection from ${who}`, path, hint);
}

/** The interfaces that the caller may have come in by. */
function arrivals({ before, caller, node, address, to }: Standing): string[] {
  if (caller.by === "api") return before.api === undefined ? [] : [before.api.interface];
  const all = Object.entries(before.nodes[node]?.interfaces ?? {});
  const virtual = virtualAddressesOf(before);
  const withAddress = all.filter(
    ([role, { addresses }]) =>
      to !== undefined && [...addresses, ...(virtual.get(role) ?? [])].some((text) => isAddress(text, to)),
  );
  const near = all.filter(([, { addresses }]) => addresses.some((text) => isNear(text, address)));
  const found = [withAddress, near, all].find((some) => some.length > 0) ?? [];
  return found.map(([role]) => role);
}

function roleOf(document: ClusterDocument, node: string, device: string | undefined): string | undefined {
  const roles = Object.entries(document.nodes[node]?.interfaces ?? {});
  return roles.find(([, one]) => one.device === device)?.[0];
}

function isAddress(text: string, address: IpAddress): boolean {
  const own = parseNetwork(text)?.address;
  return own !== undefined && equalIp(own, address);
}

function isNear(text: string, address: IpAddress): boolean {
  const network = parseNetwork(text);
  return network !== undefined && networkContains(network, address);
}

/** The answers go another way. */
function routeHazard(standing: Standing): Hazards {
  const { before, after, caller, node, address } = standing;
  // The API answers by the device of its interface alone.
  const role = caller.by === "api" ? before.api?.interface : undefined;
  const bound = role === undefined ? undefined : before.nodes[node]?.interfaces[role]?.device;
  const [old, now] = [before, after].map((document) => wayBack(document, { node, address, bound }));
  if (isSameWay(old, now)) return nothing;
  const who = `${caller.address}, which asks this over ${access(standing)}`;
  if (now?.route !== undefined) {
    const over = now.via === undefined ? `over ${now.device}` : `to ${now.via}`;
    const message = `the route ${now.route} leads the answers of ${node} to ${who}, ${over}`;
    const path = `routes.${now.route}`;
    const hint = "Make the route narrower, or give the network of whoever administers a route of its own.";
    // Out of a network of the node's own nobody is reached over a router.
    return old !== undefined && old.route === undefined
      ? refused(message, path, hint)
      : warned(message, path, hint);
  }
  if (old?.route === undefined) return nothing;
  const message = `without the route ${old.route} no route of the document leads back from ${node} to ${who}`;
  return warned(message, "routes", "See to it that the system has another one: ip route get.");
}

function isSameWay(a: WayBack | undefined, b: WayBack | undefined): boolean {
  return (
    a?.device === b?.device && a?.via === b?.via && (a?.route === undefined) === (b?.route === undefined)
  );
}

/** No node has an address in the network of the caller any more. */
function networkHazard({ before, after, caller, address }: Standing): Hazards {
  const isIn = (document: ClusterDocument) =>
    Object.values(document.nodes).some(({ interfaces }) =>
      Object.values(interfaces).some(({ addresses }) => addresses.some((text) => isNear(text, address))),
    );
  if (!isIn(before) || isIn(after)) return nothing;
  return warned(
    `the nodes no longer have an address in the network of ${caller.address}, from which this is asked`,
    "nodes",
    "Ask from a node itself, or from a network that stays.",
  );
}

import { formatIp, validIp } from "../../base/ip.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { StatusProblem } from "../../contract/status.ts";
import { type NodeRoute, nodeRoutes, type PresentRoute, planRoutes } from "../../core/static-routes.ts";
import { errno } from "../../linux/libc.ts";
import type { Refusal } from "../../linux/netlink-socket.ts";
import { type NetworkEvent, NetworkEvents, RouteSocket } from "../../linux/route-socket.ts";
import { type RouteState, RT_TABLE_MAIN } from "../../wire/route-message.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";

/**
 * Marks the routes that are ours (rtm_protocol): a number that iproute2's rt_protos leaves free. `ip route show proto 116`
 * lists them. Every other route belongs to somebody else.
 */
const ROUTE_PROTOCOL = 116;

/** Between two looks at what the kernel has reported of links and addresses. */
const EVENTS_MS = 250;
/** Somebody may have removed a route of ours without a change of links. */
const COMPARE_MS = 10_000;
/** While a route cannot be set: its router's network may come any time. */
const RETRY_MS = 1_000;

/** Keeps the static routes of the document in the kernel: again after a link was down, and none that the document has lost. */
export class StaticRoutes {
  readonly #node: string;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #route = new RouteSocket();
  /** Not of added addresses: the lifetimes of virtual ones are renewed all the time. */
  readonly #events = new NetworkEvents({ added: "link-scope" });
  #wanted: readonly NodeRoute[];
  /** Addresses of the node itself: what comes and goes with a role changes no route. */
  #own: ReadonlySet<string>;
  /** Why a route is not there, by its id. */
  #missing: ReadonlyMap<string, string> = new Map();
  #comparedMs = Number.NEGATIVE_INFINITY;

  constructor(
    { document, node }: Pick<NodeSettings, "document" | "node">,
    log: (level: LogLevel, text: string) => void,
  ) {
    this.#node = node;
    this.#log = log;
    this.#wanted = nodeRoutes(document, node);
    this.#own = ownAddresses(document, node);
    this.#compare();
    setInterval(() => this.#look(), EVENTS_MS).unref();
  }

  /** Goes over to another document at once. */
  change(document: ClusterDocument): void {
    this.#wanted = nodeRoutes(document, this.#node);
    this.#own = ownAddresses(document, this.#node);
    this.#compare();
  }

  problems(): StatusProblem[] {
    return [...this.#missing].map(([id, why]) => ({
      severity: "warning",
      node: this.#node,
      code: "route-not-set",
      message: `the route "${id}" is not there: ${why}`,
      hint: `On ${this.#node}: ip route, ip -brief address; it is tried again by itself.`,
    }));
  }

  #look(): void {
    const afterMs = this.#missing.size > 0 ? RETRY_MS : COMPARE_MS;
    let isDue = performance.now() - this.#comparedMs >= afterMs;
    for (let events = this.#events.read(); events.length > 0; events = this.#events.read())
      if (events.some((event) => this.#concerns(event))) isDue = true;
    if (isDue) this.#compare();
  }

  #concerns(event: NetworkEvent): boolean {
    if (event.kind !== "address") return event.kind !== "route";
    return this.#own.has(formatIp(event.address.address));
  }

  #compare(): void {
    this.#comparedMs = performance.now();
    const present = ([4, 6] as const).flatMap((family) => {
      // Older kernels send routes of others, too.
      const routes = this.#route.routes(family, ROUTE_PROTOCOL);
      return routes.filter(isOurs).map((route) => presentRoute(route, family));
    });
    const devices = new Map(this.#route.links().map(({ name, index }) => [name, index]));
    const plan = planRoutes(this.#wanted, present, devices);
    for (const route of plan.remove) {
      this.#route.deleteRoute(changeOf(route));
      this.#log("info", `removed the route to ${textOf(route)}: the document has it no more`);
    }
    const missing = new Map(plan.waiting.map(({ id, device }) => [id, `there is no device ${device}`]));
    const set = (routes: typeof plan.add, how: (change: ReturnType<typeof changeOf>) => Refusal[]) => {
      for (const route of routes) {
        const [refusal] = how(changeOf(route));
        if (refusal === undefined) this.#log("info", `set the route "${route.id}" to ${textOf(route)}`);
        else missing.set(route.id, reasonOf(refusal));
      }
    };
    set(plan.replace, (change) => this.#route.addRoute(change));
    set(plan.add, (change) => this.#route.addNewRoute(change));
    for (const [id, why] of missing)
      if (this.#missing.get(id) !== why) this.#log("warning", `the route "${id}" cannot be set: ${why}`);
    this.#missing = missing;
  }
}

function ownAddresses({ nodes }: ClusterDocument, node: string): ReadonlySet<string> {
  return new Set(
    Object.values(nodes[node]?.interfaces ?? {}).flatMap(({ addresses }) =>
      addresses.map((text) => text.split("/")[0] ?? ""),
    ),
  );
}

function isOurs({ protocol, table }: RouteState): boolean {
  return protocol === ROUTE_PROTOCOL && table === RT_TABLE_MAIN;
}

/** The kernel leaves the destination of a default route out. */
function presentRoute(route: RouteState, family: 4 | 6): PresentRoute {
  return { ...route, destination: route.destination ?? validIp(family === 4 ? "0.0.0.0" : "::") };
}

function changeOf(route: PresentRoute | (NodeRoute & { readonly deviceIndex: number })) {
  const { destination, prefixLength, gateway, deviceIndex, metric } = route;
  return {
    ...{ destination, prefixLength, protocol: ROUTE_PROTOCOL },
    ...(gateway === undefined ? {} : { gateway }),
    ...(deviceIndex === undefined ? {} : { deviceIndex }),
    ...(metric === undefined ? {} : { metric }),
  };
}

function textOf({ destination, prefixLength }: Pick<PresentRoute, "destination" | "prefixLength">): string {
  return `${formatIp(destination)}/${prefixLength}`;
}

function reasonOf({ errno: number, text }: Refusal): string {
  if (number === errno.EEXIST)
    return "there is another route to this network with the same metric, which is not tocha's";
  if (number === errno.ENETUNREACH) return "its router is in no network of the node now";
  if (number === errno.ENETDOWN) return "the device is down";
  return text === "" ? `error ${number}` : text;
}

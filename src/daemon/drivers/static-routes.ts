import { formatIp, validIp } from "../../base/ip.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { StatusProblem } from "../../contract/status.ts";
import {
  type NodeRoute,
  nodeRoutes,
  type PresentRoute,
  planRoutes,
  type RoutePlan,
} from "../../core/static-routes.ts";
import type { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { errno } from "../../linux/libc.ts";
import type { Refusal } from "../../linux/netlink-socket.ts";
import { type NetworkEvent, NetworkEvents } from "../../linux/route-socket.ts";
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

export interface StaticRoutesOptions {
  readonly route: BackgroundRouteSocket;
  readonly log: (level: LogLevel, text: string) => void;
}

/** Keeps the static routes of the document in the kernel: again after a link was down, and none that the document has lost. */
export class StaticRoutes {
  readonly #node: string;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #route: BackgroundRouteSocket;
  /** Not of added addresses: the lifetimes of virtual ones are renewed all the time. */
  readonly #events = new NetworkEvents({ added: "link-scope" });
  #wanted: readonly NodeRoute[];
  /** Addresses of the node itself: what comes and goes with a role changes no route. */
  #own: ReadonlySet<string>;
  /** Why a route is not there, by its id. */
  #missing: ReadonlyMap<string, string> = new Map();
  #comparedMs = Number.NEGATIVE_INFINITY;
  #isComparing = false;
  /** Comparisons go one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor({ document, node }: Pick<NodeSettings, "document" | "node">, options: StaticRoutesOptions) {
    this.#node = node;
    this.#log = options.log;
    this.#route = options.route;
    this.#wanted = nodeRoutes(document, node);
    this.#own = ownAddresses(document, node);
    void this.#compare();
    setInterval(() => this.#look(), EVENTS_MS).unref();
  }

  /** Goes over to another document. Settled when each of its routes is there, or was refused. */
  change(document: ClusterDocument): Promise<void> {
    this.#wanted = nodeRoutes(document, this.#node);
    this.#own = ownAddresses(document, this.#node);
    return this.#compare();
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
    for (let events = this.#events.read(); events.length > 0; events = this.#events.read())
      if (events.some((event) => this.#concerns(event))) this.#comparedMs = Number.NEGATIVE_INFINITY;
    const afterMs = this.#missing.size > 0 ? RETRY_MS : COMPARE_MS;
    if (!this.#isComparing && performance.now() - this.#comparedMs >= afterMs) void this.#compare();
  }

  #concerns(event: NetworkEvent): boolean {
    if (event.kind !== "address") return event.kind !== "route";
    return this.#own.has(formatIp(event.address.address));
  }

  #compare(): Promise<void> {
    this.#last = this.#last.then(async () => {
      this.#isComparing = true;
      this.#comparedMs = performance.now();
      await this.#carryOut(planRoutes(this.#wanted, await this.#present(), await this.#devices()));
      this.#isComparing = false;
    });
    return this.#last;
  }

  async #present(): Promise<PresentRoute[]> {
    const both = ([4, 6] as const).map(async (family) => {
      // Older kernels send routes of others, too.
      const routes = (await this.#route.routes(family, ROUTE_PROTOCOL)).filter(isOurs);
      return routes.map((route) => presentRoute(route, family));
    });
    return (await Promise.all(both)).flat();
  }

  async #devices(): Promise<ReadonlyMap<string, number>> {
    return new Map((await this.#route.links()).map(({ name, index }) => [name, index]));
  }

  async #carryOut(plan: RoutePlan): Promise<void> {
    for (const route of plan.remove) {
      await this.#route.deleteRoute(changeOf(route));
      this.#log("info", `removed the route to ${textOf(route)}: the document has it no more`);
    }
    const missing = new Map(plan.waiting.map(({ id, device }) => [id, `there is no device ${device}`]));
    const set = (route: RoutePlan["add"][number], refusal: Refusal | undefined) => {
      if (refusal === undefined) this.#log("info", `set the route "${route.id}" to ${textOf(route)}`);
      else missing.set(route.id, reasonOf(refusal));
    };
    for (const route of plan.replace) set(route, await this.#route.addRoute(changeOf(route)));
    for (const route of plan.add) set(route, await this.#route.addNewRoute(changeOf(route)));
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

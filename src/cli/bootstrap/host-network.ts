import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { ProblemError } from "../../base/problem.ts";

/** A network device of this machine, as `ip` shows it. */
export interface HostDevice {
  readonly name: string;
  readonly isUp: boolean;
  /** Own addresses with prefix lengths: neither loopback nor link-local, and none that changes by itself. */
  readonly addresses: readonly string[];
  /** Of these, those that a DHCP server gave. */
  readonly leased: readonly string[];
}

export interface HostRoute {
  /** `default`, or a network. */
  readonly to: string;
  readonly via: string | undefined;
  readonly device: string;
}

export interface HostNetwork {
  readonly devices: readonly HostDevice[];
  readonly routes: readonly HostRoute[];
}

const addressesSchema = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    link_type: z.string(),
    addr_info: z.array(
      z.looseObject({
        local: z.string().optional(),
        prefixlen: z.number().optional(),
        scope: z.string().optional(),
        dynamic: z.boolean().optional(),
        temporary: z.boolean().optional(),
        mngtmpaddr: z.boolean().optional(),
      }),
    ),
  }),
);

const routesSchema = z.array(
  z.looseObject({ dst: z.string(), gateway: z.string().optional(), dev: z.string().optional() }),
);

const neighboursSchema = z.array(z.looseObject({ dst: z.string(), lladdr: z.string().optional() }));

/** What this machine has now. Changes nothing. */
export function readHostNetwork(): HostNetwork {
  const devices = ip(["address", "show"], addressesSchema)
    .filter(({ link_type }) => link_type !== "loopback")
    .map(({ ifname, flags, addr_info }) => {
      const own = addr_info.filter(
        ({ local, scope, dynamic, temporary }) =>
          local !== undefined &&
          scope === "global" &&
          // An address that the router's advertisements made has another lifetime than a gateway.
          !(local.includes(":") && (dynamic === true || temporary === true)),
      );
      const text = ({ local, prefixlen }: (typeof own)[number]) => `${local}/${prefixlen}`;
      return {
        name: ifname,
        isUp: flags.includes("UP"),
        addresses: own.map(text),
        leased: own.filter(({ dynamic }) => dynamic === true).map(text),
      };
    });
  const routes = [...ip(["-4", "route", "show"], routesSchema), ...ip(["-6", "route", "show"], routesSchema)];
  return {
    devices,
    routes: routes.flatMap(({ dst, gateway, dev }) =>
      dev === undefined ? [] : [{ to: dst, via: gateway, device: dev }],
    ),
  };
}

const RESOLUTION_MS = 1_000;
const DISCARD_PORT = 9; // RFC 863

/**
 * Those of the addresses that somebody on the links has. The kernel is made to ask for them by a datagram to each (ARP,
 * neighbour discovery); whoever is there answers within milliseconds.
 */
export async function addressesInUse(addresses: readonly string[]): Promise<ReadonlySet<string>> {
  if (addresses.length === 0) return new Set();
  for (const family of ["udp4", "udp6"] as const) {
    const asked = addresses.filter((address) => address.includes(":") === (family === "udp6"));
    if (asked.length === 0) continue;
    const socket = createSocket(family);
    // Without a route there is no answer either.
    socket.on("error", () => {});
    socket.bind();
    await once(socket, "listening");
    for (const address of asked) socket.send("", DISCARD_PORT, address, () => {});
    setTimeout(() => socket.close(), RESOLUTION_MS);
  }
  await sleep(RESOLUTION_MS);
  const known = ip(["neighbour", "show"], neighboursSchema);
  const there = new Set(known.flatMap(({ dst, lladdr }) => (lladdr === undefined ? [] : [dst])));
  return new Set(addresses.filter((address) => there.has(address)));
}

function ip<T extends z.ZodType>(args: readonly string[], schema: T): z.output<T> {
  const answer = spawnSync("ip", ["-j", ...args], { encoding: "utf8", timeout: 10_000 });
  if (answer.status !== 0) {
    const missing = answer.error !== undefined && "code" in answer.error && answer.error.code === "ENOENT";
    throw new ProblemError({
      code: "missing-tool",
      message: missing
        ? "the program ip is not installed: it shows the interfaces of this machine"
        : `ip ${args.join(" ")} failed: ${(answer.stderr ?? "").trim() || answer.error?.message}`,
      hint: "Install it: apt-get install iproute2",
    });
  }
  // Where there is nothing to show, older releases print nothing at all; lists may have empty objects.
  const value: unknown = answer.stdout.trim() === "" ? [] : JSON.parse(answer.stdout);
  const list = Array.isArray(value) ? value.filter((one) => Object.keys(Object(one)).length > 0) : value;
  return schema.parse(list);
}

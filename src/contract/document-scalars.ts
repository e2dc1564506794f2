import * as z from "zod";
import { formatDurationMs, parseDurationMs } from "../base/duration.ts";
import {
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  ipFamily,
  networkBase,
  parseIp,
  parseNetwork,
} from "../base/ip.ts";
import { formatIpEnds, parseIpRange } from "../base/ip-range.ts";
import type { ProblemCode } from "./problem-codes.ts";

/**
 * The texts of a cluster document: names, devices, addresses, networks, durations. Each is checked here once,
 * and leaves as canonical text (or milliseconds), so that equal documents are equal values.
 */

/** What a text stands for, where a wrong type deserves a better answer than "not a text". */
export type ScalarKind =
  | "duration"
  | "address"
  | "network"
  | "networks"
  | "pool"
  | "ports"
  | "name"
  | "element";
export const scalarKinds = z.registry<{ kind: ScalarKind }>();

/** Goes into the issue of a check of ours and comes out as the problem. */
export interface ScalarFault {
  readonly code: ProblemCode;
  readonly hint: string;
}

export function refuse(context: z.RefinementCtx<string>, message: string, fault: ScalarFault): never {
  context.issues.push({ code: "custom", message, params: { ...fault }, input: context.value });
  return z.NEVER;
}

const namePattern = "^[a-z][a-z0-9-]{0,62}$";

/** A node's name is a DNS label of its certificate (RFC 1035 2.3.1: at most 63 characters); other names follow suit. */
export function nameOf(what: string) {
  const schema = z
    .string()
    .superRefine((text, context) => {
      if (new RegExp(namePattern).test(text)) return;
      refuse(context, `"${clip(text)}" is not a name for ${what}`, {
        code: "bad-name",
        hint: "A name has small letters, digits and hyphens, begins with a letter, and has at most 63 characters.",
      });
    })
    .meta({ pattern: namePattern });
  scalarKinds.add(schema, { kind: "name" });
  return schema;
}

// IFNAMSIZ is 16 with the final zero (uapi linux/if.h). A colon would be an alias, a star a pattern of nftables.
const devicePattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$";

export const device = z
  .string()
  .superRefine((text, context) => {
    if (!new RegExp(devicePattern).test(text)) {
      refuse(context, `"${clip(text)}" is not the name of a network device`, {
        code: "bad-device",
        hint: "A device has at most 15 letters, digits, dots, hyphens and underscores: `ip link` shows them.",
      });
    } else if (text === "lo") {
      refuse(context, "lo is the loopback device: nothing outside the machine reaches it", {
        code: "bad-device",
        hint: "Name the device that is wired to this network: `ip link` shows them.",
      });
    }
  })
  .meta({
    pattern: devicePattern,
    description: "The network device, as `ip link` shows it.",
    examples: ["eth0"],
  });

/** An address of an interface with the length of its network's prefix. */
export const interfaceAddress = z
  .string()
  .transform((text, context) => {
    if (!text.includes("/")) {
      const address = parseIp(text);
      const example = address === undefined ? "10.1.0.2/24" : `${text}/${ipFamily(address) === 4 ? 24 : 64}`;
      return refuse(context, `"${clip(text)}" has no prefix length`, {
        code: "bad-address",
        hint: `Write the address with the length of its network's prefix, such as ${example}.`,
      });
    }
    const network = parseNetwork(text);
    if (network === undefined) {
      return refuse(context, `"${clip(text)}" is not an address with a prefix length`, {
        code: "bad-address",
        hint: "Write it as 10.1.0.2/24 or 2001:db8::2/64.",
      });
    }
    const fault = hostFault(network);
    if (fault !== undefined) {
      return refuse(context, `${formatNetwork(network)} ${fault}`, {
        code: "bad-address",
        hint: "Write the address that this one machine has in the network.",
      });
    }
    return formatNetwork(network);
  })
  .meta({
    description: "An address and the length of its network's prefix.",
    examples: ["10.1.0.2/24", "2001:db8::2/64"],
  });
scalarKinds.add(interfaceAddress, { kind: "address" });

/** Reads what `interfaceAddress` accepts; undefined for everything else. */
export function parseInterfaceAddress(text: string): IpNetwork | undefined {
  const network = text.includes("/") ? parseNetwork(text) : undefined;
  return network === undefined || hostFault(network) !== undefined ? undefined : network;
}

/** The address of one machine, without a prefix length. */
export const hostAddress = z
  .string()
  .transform((text, context) => {
    const address = parseIp(text);
    const fault = address === undefined ? "is not an IP address" : notAHost(address);
    if (address === undefined || fault !== undefined) {
      return refuse(context, `"${clip(text)}" ${fault}`, {
        code: "bad-address",
        hint: "Write the address of one machine without a prefix length, such as 10.1.0.3 or 2001:db8::3.",
      });
    }
    return formatIp(address);
  })
  .meta({ description: "The address of one machine.", examples: ["10.1.0.3", "2001:db8::3"] });
scalarKinds.add(hostAddress, { kind: "address" });

/** Reads what `hostAddress` accepts, as the network of this one machine; undefined for everything else. */
export function parseHostAddress(text: string): IpNetwork | undefined {
  const address = parseIp(text);
  if (address === undefined || notAHost(address) !== undefined) return undefined;
  return { address, prefixLength: address.length * 8 };
}

/** Why no machine can have this address in its network; undefined when one can. */
function hostFault({ address, prefixLength }: IpNetwork): string | undefined {
  return notAHost(address) ?? endOfNetwork(address, prefixLength);
}

function notAHost(address: IpAddress): string | undefined {
  const [first = 0] = address;
  if (address.length === 4) {
    if (first === 0) return "means this network, not a machine";
    if (first === 127) return "is a loopback address";
    if (first >= 240) return "is reserved or a broadcast address";
    if (first >= 224) return "is a multicast address";
    return undefined;
  }
  if (first === 0xff) return "is a multicast address";
  // ::/96 holds the unspecified address, loopback and the long deprecated IPv4-compatible ones; ::ffff:0:0/96
  // never stands on a wire (RFC 4291 2.5.5).
  if (address.subarray(0, 10).every((byte) => byte === 0)) {
    const tail = (address[10] ?? 0) * 256 + (address[11] ?? 0);
    if (tail === 0xffff) return "is an IPv4 address in IPv6 form";
    if (tail === 0) return "is an unspecified or loopback address";
  }
  return undefined;
}

/** The first and last address of an IPv4 network are not machines, save in a /31 (RFC 3021) and a /32. */
function endOfNetwork(address: IpAddress, prefixLength: number): string | undefined {
  if (address.length !== 4 || prefixLength >= 31) return undefined;
  const base = networkBase({ address, prefixLength }).address;
  const number = (bytes: IpAddress) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if (number(address) === number(base)) return "is the network itself";
  if (number(address) === number(base) + 2 ** (32 - prefixLength) - 1)
    return "is the network's broadcast address";
  return undefined;
}

export const network = z
  .string()
  .transform((text, context) => {
    const parsed = parseNetwork(text);
    if (parsed === undefined) {
      return refuse(context, `"${clip(text)}" is not a network`, {
        code: "bad-network",
        hint: "Write it as 10.1.0.0/24 or fd00:1::/64.",
      });
    }
    const base = formatNetwork(networkBase(parsed));
    if (base !== formatNetwork(parsed)) {
      return refuse(context, `${clip(text)} has bits set beyond its prefix`, {
        code: "host-bits",
        hint: `Write ${base} for the network, or ${formatIp(parsed.address)}/${parsed.address.length * 8} for the one address.`,
      });
    }
    return base;
  })
  .meta({ description: "A network.", examples: ["10.1.0.0/24", "fd00:1::/64"] });
scalarKinds.add(network, { kind: "network" });

/** What a rule translates to: an address, addresses from one to another, a prefix, or the word masquerade. */
export const translationTarget = z
  .string()
  .transform((text, context) => {
    if (text === "masquerade") return text;
    const range = text.includes("-") ? parseIpRange(text) : undefined;
    if (range !== undefined) return formatIpEnds(range);
    const parsed = parseNetwork(text);
    if (parsed === undefined) {
      return refuse(context, `"${clip(text)}" is not something to translate to`, {
        code: "bad-nat-target",
        hint: "Write one of the virtual addresses of `out` (192.0.2.1), a pool of them (192.0.2.10-192.0.2.20), an IPv6 prefix (2001:db8:1::/64), or masquerade.",
      });
    }
    if (!text.includes("/")) return formatIp(parsed.address);
    const base = formatNetwork(networkBase(parsed));
    if (base !== formatNetwork(parsed)) {
      return refuse(context, `${clip(text)} has bits set beyond its prefix`, {
        code: "host-bits",
        hint: `Write ${base} for the prefix, or ${formatIp(parsed.address)} for the one address.`,
      });
    }
    return base;
  })
  .meta({
    description:
      "A virtual address of `out`, or two with a hyphen; an IPv6 prefix as long as that of `from`; or `masquerade`.",
    examples: ["192.0.2.1", "192.0.2.10-192.0.2.20", "2001:db8:1::/64", "masquerade"],
  });
scalarKinds.add(translationTarget, { kind: "address" });

export interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
  /** The duration must be a multiple of this, for the reason that is named. */
  readonly step?: { readonly ms: number; readonly why: string };
  readonly default: string;
  readonly description: string;
}

/** A duration that leaves as milliseconds. */
export function duration(range: DurationRange) {
  return durationText(range).prefault(range.default);
}

/** The same, where another setting says what holds without it; `range.default` is an example for messages. */
export function optionalDuration(range: DurationRange) {
  return durationText(range, "is an example").optional();
}

function durationText(range: DurationRange, defaultWords = "is the default") {
  const span = `from ${formatDurationMs(range.minMs)} to ${formatDurationMs(range.maxMs)}`;
  const text = z
    .string()
    .transform((given, context) => {
      const parsed = parseDurationMs(given);
      // In microseconds, whole: 0.07s times 1,000 is not quite 70.
      const durationMs = parsed === undefined ? undefined : Math.round(parsed * 1_000) / 1_000;
      if (durationMs === undefined) {
        const bare = /^[0-9.]+$/.test(given);
        return refuse(context, bare ? `${clip(given)} has no unit` : `"${clip(given)}" is not a duration`, {
          code: "bad-duration",
          hint: `Write a number with its unit (ms, s, m, h), such as ${range.default}.`,
        });
      }
      if (durationMs < range.minMs || durationMs > range.maxMs) {
        return refuse(context, `${clip(given)} is ${durationMs < range.minMs ? "too short" : "too long"}`, {
          code: "out-of-range",
          hint: `It can be ${span}; ${range.default} ${defaultWords}.`,
        });
      }
      if (range.step !== undefined && durationMs % range.step.ms !== 0) {
        const step = formatDurationMs(range.step.ms);
        return refuse(context, `${clip(given)} is not a multiple of ${step}`, {
          code: "out-of-range",
          hint: `${range.step.why}: ${span}, in steps of ${step}.`,
        });
      }
      return durationMs;
    })
    .meta({
      description: `${range.description} ${capital(span)}.`,
      pattern: "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
    });
  scalarKinds.add(text, { kind: "duration" });
  return text;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Hostile or mistaken texts may be long: a message shows their beginning. */
export function clip(text: string): string {
  const printable = text.replace(/\p{Cc}/gu, "?");
  return printable.length > 60 ? `${printable.slice(0, 57)}...` : printable;
}

// A URL without a path: https, a name or address, a port.
const endpointPattern = "^https://([a-z0-9.-]{1,253}|\\[[0-9a-f:.]{2,45}\\]):[0-9]{1,5}$";

export const endpoint = z
  .string()
  .superRefine((text, context) => {
    if (new RegExp(endpointPattern).test(text) && URL.canParse(text)) return;
    refuse(context, `"${clip(text)}" is not an endpoint`, {
      code: "bad-endpoint",
      hint: "Write it with its port, in small letters, as https://10.9.0.5:2379; without TLS nobody could trust its answers.",
    });
  })
  .meta({ pattern: endpointPattern, examples: ["https://10.9.0.5:2379"] });

// What git takes for another machine or a folder. A text that begins with a hyphen would be an option, one with :: a program.
const gitRemotePattern =
  "^((ssh|https|git|file)://[^\\s]+|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\\s:][^\\s]*|/[^\\s]+)$";

export const gitRemote = z
  .string()
  .max(4096)
  .superRefine((text, context) => {
    if (!new RegExp(gitRemotePattern).test(text)) {
      refuse(context, `"${clip(text)}" is not a git repository`, {
        code: "bad-remote",
        hint: "Write it as ssh://git@backup.example/tocha.git, https://…, or a folder as /srv/backup/tocha.git.",
      });
    } else if (URL.canParse(text) && new URL(text).password !== "") {
      refuse(context, "a password does not belong into the document", {
        code: "bad-remote",
        hint: "Take it out, and give git a credential helper or an ssh key of root.",
      });
    }
  })
  .meta({ pattern: gitRemotePattern });

const environmentPattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";

/** The name of a variable that holds a secret (POSIX.1 8.1). */
export function environmentVariable(description: string) {
  return z
    .string()
    .superRefine((text, context) => {
      if (new RegExp(environmentPattern).test(text)) return;
      refuse(context, `"${clip(text)}" is not the name of an environment variable`, {
        code: "bad-name",
        hint: "Write the name alone, such as ETCD_USER: letters, digits and underscores. What it holds does not belong here.",
      });
    })
    .meta({ pattern: environmentPattern, description });
}

/** The path of a key or certificate. */
export function keyFile(description: string) {
  return z
    .string()
    .min(1)
    .max(4096)
    .meta({ description: `${description} Relative to the document's folder.` });
}

import { parseIp } from "../base/ip.ts";
import type { FilterChain } from "./filter-facts.ts";
import type { Place } from "./remark.ts";

/** A source translation, of nftables or of iptables. */
export interface SourceTranslation {
  readonly at: Place;
  /** Networks, as written; none means every address. */
  readonly from: readonly string[];
  readonly family: 4 | 6 | undefined;
  /** The device that packets leave by. */
  readonly device: string | undefined;
  /** An address, or `masquerade`. */
  readonly to: string;
  /** What the rule's comment calls it. */
  readonly name: string | undefined;
}

/** A port forward, of nftables or of iptables. */
export interface PortForward {
  readonly at: Place;
  /** The device that connections come in by; without one, any. */
  readonly device: string | undefined;
  /** The outside address; without one, every address of the device. */
  readonly address: string | undefined;
  readonly protocol: "tcp" | "udp" | "both";
  /** Each a port, or two with a hyphen. */
  readonly ports: readonly string[];
  /** Networks that may use it, as written; none means everybody. */
  readonly from: readonly string[];
  readonly target: string;
  readonly targetPort: number | undefined;
  readonly name: string | undefined;
}

/** What the files of one program say of translation and filtering. */
export interface NatRules {
  readonly translations: readonly SourceTranslation[];
  readonly forwards: readonly PortForward[];
  readonly filters: readonly FilterChain[];
}

/** `10.1.0.80`, `10.1.0.80:8443`, `[fd00::1]:443`; undefined for everything else, such as ranges. */
export function forwardTarget(text: string): { address: string; port: number | undefined } | undefined {
  const [, bracketed, bracketedPort] = /^\[([0-9a-fA-F:.]+)\](?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const [, v4, v4Port] = /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? v4 ?? (text.includes(":") ? text : "");
  const port = bracketedPort ?? v4Port;
  if (parseIp(address) === undefined) return undefined;
  return { address, port: port === undefined ? undefined : Number(port) };
}

/** What is said of rules that are not carried over. */
export const natHints = {
  filter:
    "Tocha's own tables stand beside those of others: load these rules from a file of their own on every node.",
  forward:
    "Write it as nat.forward, or load it from a file of its own on every node: its connections survive a takeover all the same.",
} as const;

import { formatIp, type IpNetwork, parseIp, parseNetwork } from "../base/ip.ts";

// Values as other programs write them, and as the document does.

/** `0.1` or `3`: seconds, as milliseconds; undefined for everything else. */
export function secondsToMs(text: string): number | undefined {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text)) return undefined;
  return Math.round(Number(text) * 1_000);
}

/** A whole number in a range; undefined for everything else. */
export function numberIn(text: string, min: number, max: number): number | undefined {
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

/** Milliseconds as the document writes them. */
export function durationText(durationMs: number): string {
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`;
}

/** An address with or without prefix length, host bits kept. */
export interface WrittenAddress {
  readonly network: IpNetwork;
  /** Without one, other programs mean the address alone. */
  readonly hasLength: boolean;
}

export function writtenAddress(text: string): WrittenAddress | undefined {
  const network = parseNetwork(text);
  return network === undefined ? undefined : { network, hasLength: text.includes("/") };
}

/** The canonical text of an address; undefined when it is none. */
export function plainAddress(text: string): string | undefined {
  const address = parseIp(text);
  return address === undefined ? undefined : formatIp(address);
}

/** A name for the document, made of one that others gave: `VI_1` becomes `vi-1`. */
export function documentName(text: string, fallback: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 60)
    .replace(/-+$/, "");
  return name === "" ? fallback : name;
}

/** A name that is not taken yet; it is taken then. */
export function freeName(wish: string, taken: Set<string>): string {
  let name = wish;
  for (let number = 2; taken.has(name); number++) name = `${wish.slice(0, 58)}-${number}`;
  taken.add(name);
  return name;
}

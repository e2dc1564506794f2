import * as z from "zod";
import { formatIpRange, parseIpRange } from "../base/ip-range.ts";
import { formatPortRange, parsePortRange } from "../base/port-range.ts";
import { clip, refuse, scalarKinds } from "./document-scalars.ts";

// What rules match by: addresses, ports, the sets of them, and rates. Each leaves as canonical text.

const setPattern = /^@[a-z][a-z0-9-]{0,62}$/;

/** The name of a set in `@name`; undefined for what is no such text. */
export function setNameOf(text: string): string | undefined {
  return setPattern.test(text) ? text.slice(1) : undefined;
}

/** An address, a network, a range of addresses, or a set. */
export const addressMatch = z
  .string()
  .transform((text, context) => {
    if (setNameOf(text) !== undefined) return text;
    const range = parseIpRange(text);
    if (range !== undefined) return formatIpRange(range);
    return refuse(context, `"${clip(text)}" is neither an address, nor a network, nor a set`, {
      code: "bad-network",
      hint: "Write 10.1.0.0/24, 10.1.0.7, 10.1.0.10-10.1.0.19, fd00:1::/64, or @NAME for a set of `sets`.",
    });
  })
  .meta({
    description: "An address, a network, a range of addresses, or a set.",
    examples: ["10.1.0.0/24", "10.1.0.10-10.1.0.19", "fd00:1::/64", "@staff"],
  });
scalarKinds.add(addressMatch, { kind: "network" });

/** Numbers are texts, so that 80 and 8000-8080 can stand in one list. */
const numberAsText = (value: unknown) => (typeof value === "number" ? String(value) : value);
const textOrNumber = { type: ["string", "integer"] } as const;

/** A port, a range of ports, or a set of them. */
export const portMatch = z
  .preprocess(
    numberAsText,
    z.string().transform((text, context) => {
      if (setNameOf(text) !== undefined) return text;
      const range = parsePortRange(text);
      if (range !== undefined) return formatPortRange(range);
      return refuse(context, `"${clip(text)}" is neither a port, nor a range of ports, nor a set`, {
        code: "bad-port",
        hint: "Write 443, 8000-8080 (from 1 to 65535), or @NAME for a set of `sets` with kind: ports.",
      });
    }),
  )
  .meta({
    ...textOrNumber,
    description: "A port, a range of ports, or a set of ports.",
    examples: [443, "8000-8080", "@web"],
  });
scalarKinds.add(portMatch, { kind: "element" });

/** What a set holds: of which kind it must be, the set says. */
export const setElement = z
  .preprocess(
    numberAsText,
    z.string().transform((text, context) => {
      const element = canonicalElement(text);
      if (element !== undefined) return element;
      return refuse(context, `"${clip(text)}" is nothing that a set can hold`, {
        code: "bad-set-element",
        hint: "Write addresses, networks and ranges (10.1.0.10-10.1.0.19), or ports and ranges of ports (8000-8080).",
      });
    }),
  )
  .meta({
    ...textOrNumber,
    description: "An address, a network, a range of addresses; or a port or a range of ports.",
    examples: ["10.1.0.0/24", "fd00:1::7", 443, "8000-8080"],
  });
scalarKinds.add(setElement, { kind: "element" });

function canonicalElement(text: string): string | undefined {
  const addresses = parseIpRange(text);
  if (addresses !== undefined) return formatIpRange(addresses);
  const ports = parsePortRange(text);
  return ports === undefined ? undefined : formatPortRange(ports);
}

/** So many in a second, a minute or an hour. */
export interface Rate {
  readonly count: number;
  readonly per: "second" | "minute" | "hour";
}

const ratePattern = "^[1-9][0-9]{0,5}/(s|m|h)$";
const rateUnits = { s: "second", m: "minute", h: "hour" } as const;

export const rate = z
  .string()
  .transform((text, context): Rate => {
    const [count = "", unit = ""] = text.split("/");
    if (new RegExp(ratePattern).test(text) && (unit === "s" || unit === "m" || unit === "h"))
      return { count: Number(count), per: rateUnits[unit] };
    return refuse(context, `"${clip(text)}" is not a rate`, {
      code: "bad-rate",
      hint: "Write so many in a second, a minute or an hour: 100/s, 10/m or 30/h, 999999 at most.",
    });
  })
  .meta({ pattern: ratePattern, examples: ["100/s", "10/m"] });
scalarKinds.add(rate, { kind: "element" });

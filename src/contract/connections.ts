import * as z from "zod";
import { topKinds } from "./query-words.ts";

/**
 * Questions about the connections in one node's kernel, and the answers (GET /v1/connections, /v1/connections/count and
 * /v1/connections/top on the control socket). The parameters stand in the URL's query; those that are lists may be
 * repeated.
 *
 * An answer is a row of JSON objects, one a line (NDJSON), because the table may have millions of entries: connections
 * as they are found, and in between, at least every quarter of a second while the table is read, a line with the key
 * `walk` that says how far the reading is. The last line has the result, or why there is none; an answer without it
 * was cut off.
 */

const texts = z.array(z.string().max(200)).max(64).default([]);
const wholeNumber = z.string().regex(/^[0-9]{1,9}$/);

/** Which connections are meant: each list names what will do, and every list that is not empty must be met. */
const filterShape = {
  /** Addresses or networks that connections come from, before translation. */
  source: texts,
  /** Addresses or networks that they go to, before translation. */
  destination: texts,
  /** Addresses or networks that they are translated to; `any` and `none` mean whether they are translated. */
  nat: texts,
  /** Ports or ranges (`8000-8099`), of either end, before or after translation. */
  port: texts,
  /** `tcp`, `udp`, … or numbers. */
  protocol: texts,
  /** TCP states, or `unreplied`, `replied`, `assured`. */
  state: texts,
  /** `yes` or `no`: whether they are mirrored, so that they survive a takeover. */
  mirrored: texts,
};

export { topKinds };
export type TopKind = (typeof topKinds)[number];

export const connectionFilterSchema = z.strictObject(filterShape);
export const connectionListQuerySchema = z.strictObject({ ...filterShape, limit: wholeNumber.optional() });
export const connectionTopQuerySchema = z.strictObject({
  ...filterShape,
  limit: wholeNumber.optional(),
  by: z.enum(topKinds).default("source"),
});

/** One connection, as the kernel tracks it. */
export const connectionSchema = z.object({
  /** `tcp`, `udp`, …, or the IP protocol number. */
  protocol: z.string(),
  /** A TCP state, or `UNREPLIED`, `REPLIED`, `ASSURED`. */
  state: z.string(),
  source: z.string(),
  sourcePort: z.number().optional(),
  destination: z.string(),
  destinationPort: z.number().optional(),
  /** ICMP has no ports. */
  icmpId: z.number().optional(),
  icmpType: z.number().optional(),
  icmpCode: z.number().optional(),
  /** Where its packets seem to come from after translation; absent where the source is not translated. */
  translatedSource: z.string().optional(),
  translatedSourcePort: z.number().optional(),
  translatedIcmpId: z.number().optional(),
  /** Where they really go; absent where the destination is not translated. */
  translatedDestination: z.string().optional(),
  translatedDestinationPort: z.number().optional(),
  /** Until the kernel forgets it, if no packet comes. */
  timeoutSeconds: z.number(),
  /** The kernel does not drop it early when the table is full. */
  assured: z.boolean(),
  /** It is of the kind that the standbys hold, too. */
  mirrored: z.boolean(),
  mark: z.number().optional(),
  zone: z.number().optional(),
});

const walkEnds = ["done", "limit", "failed"] as const;

/** How far the reading of the table is. */
export const walkSchema = z.object({
  node: z.string(),
  /** Entries that were read. */
  read: z.number(),
  /** Entries that the table had at the start. */
  entries: z.number(),
  /** Entries that the filter let through. */
  matched: z.number(),
  /** In the last line: `limit` when as many were found as were asked for; `failed` when the kernel broke off. */
  end: z.enum(walkEnds).optional(),
});

const tally = z.record(z.string(), z.number());

export const connectionCountSchema = z.object({
  total: z.number(),
  families: z.object({ ipv4: z.number(), ipv6: z.number() }),
  protocols: tally,
  /** By protocol and state, as in `tcp ESTABLISHED`. */
  states: tally,
  translated: z.object({
    source: z.number(),
    destination: z.number(),
    both: z.number(),
    none: z.number(),
  }),
  /** Whether they are of the kind that the standbys hold, too. */
  mirrored: z.object({ yes: z.number(), no: z.number() }),
});

export const connectionTopSchema = z.object({
  by: z.enum(topKinds),
  /** The most frequent ones, most frequent first. */
  entries: z.array(
    z.object({
      /** An address, or protocol and port as in `tcp/443`. */
      key: z.string(),
      connections: z.number(),
    }),
  ),
  /** How many different ones there are; null when there were too many to follow. */
  distinct: z.number().nullable(),
  /** By how much a count may be too low; 0 unless there were too many different ones to follow. */
  uncertainty: z.number(),
});

/** A line of an answer that is no connection. */
export const walkLineSchema = z.object({
  walk: walkSchema,
  count: connectionCountSchema.optional(),
  top: connectionTopSchema.optional(),
});

export type ConnectionFilter = z.output<typeof connectionFilterSchema>;
export type ConnectionListQuery = z.output<typeof connectionListQuerySchema>;
export type ConnectionTopQuery = z.output<typeof connectionTopQuerySchema>;
export type Connection = z.output<typeof connectionSchema>;
export type ConnectionWalk = z.output<typeof walkSchema>;
export type ConnectionCount = z.output<typeof connectionCountSchema>;
export type ConnectionTop = z.output<typeof connectionTopSchema>;
export type WalkLine = z.output<typeof walkLineSchema>;

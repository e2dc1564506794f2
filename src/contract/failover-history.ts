import * as z from "zod";
import { nodeRoles } from "./status.ts";

/**
 * What a node remembers of its changes of role (GET /v1/failover/history, GET /v1/failover/why). Further keys,
 * which a newer node may have, are dropped.
 */

/** Microseconds from the decision; what came before it is negative. */
export const transitionStampSchema = z.object({
  /**
   * `heard`: the last sign of the node that was active before, on `path`. `due`: its time was up. `noticed`: the daemon
   * woke, or took in what changed the role. `drain-asked`, `drained`: the standby was brought up to date. `decided`: zero.
   * `removed`, `addresses`: virtual addresses out of the kernel, into the kernel. `announced`, `advertised`, `pulsed`: sent.
   * `told`: the other roles of the node were told. `first-packet`: the first forwarded packet left, by `path`.
   */
  what: z.string(),
  path: z.string().optional(),
  atUs: z.number(),
});

export const evidenceSchema = z.object({
  priority: z.number(),
  effectivePriority: z.number(),
  gatewayReady: z.boolean(),
  tableComplete: z.boolean(),
  interfaces: z.array(z.object({ name: z.string(), up: z.boolean() })),
  /** How late the daemon woke for this decision. */
  lateMs: z.number(),
  peers: z.array(
    z.object({
      name: z.string(),
      alive: z.boolean(),
      /** As it said last; null when it was never heard. */
      role: z.enum(nodeRoles).nullable(),
      priority: z.number().nullable(),
      tableComplete: z.boolean(),
      /** How long each path had been silent; null when nothing ever came. */
      paths: z.array(z.object({ name: z.string(), silentMs: z.number().nullable() })),
    }),
  ),
});

export const historyEntrySchema = z.object({
  /** The node's name and a number: unique in the cluster. */
  id: z.string().max(100),
  node: z.string(),
  group: z.string(),
  /** When it was decided, on the node's own clock: ISO 8601, UTC. */
  at: z.iso.datetime(),
  from: z.enum(nodeRoles),
  to: z.enum(nodeRoles),
  /** What made the role change (docs/guide/failover.md, history); a newer node may know more. */
  kind: z.string(),
  /** A sentence. */
  cause: z.string(),
  /** The other node that it is about: who fell silent, resigned, is active, or takes over. */
  other: z.string().optional(),
  evidence: evidenceSchema,
  stamps: z.array(transitionStampSchema),
  /** Which life of the failover role this is from, and the how manieth of it. */
  source: z.object({ session: z.number(), sequence: z.number() }),
});

export const historySchema = z.object({
  /** The newest first. */
  entries: z.array(historyEntrySchema),
  /** Nodes that did not answer: what they remember is missing. */
  unreachable: z.array(z.string()),
});

/** One entry with what other nodes remember of the same moment. */
export const historyItemSchema = z.object({
  entry: historyEntrySchema,
  related: z.array(historyEntrySchema),
  unreachable: z.array(z.string()),
});

/** The parameters of a question for the history. */
export const historyQuerySchema = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,6}$/)
    .optional(),
  node: z.string().max(100).optional(),
  group: z.string().max(100).optional(),
});

export type TransitionStamp = z.output<typeof transitionStampSchema>;
export type TransitionEvidence = z.output<typeof evidenceSchema>;
export type HistoryEntry = z.output<typeof historyEntrySchema>;
export type FailoverHistory = z.output<typeof historySchema>;
export type HistoryItem = z.output<typeof historyItemSchema>;

export { HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX } from "./query-words.ts";

/** The last sign of the node that was active before, on whatever path. */
export function lastHeardUs({ stamps }: HistoryEntry): number | undefined {
  const heard = stamps.filter(({ what }) => what === "heard").map(({ atUs }) => atUs);
  return heard.length === 0 ? undefined : Math.max(...heard);
}

function stampUs({ stamps }: HistoryEntry, what: string): number | undefined {
  return stamps.find((stamp) => stamp.what === what)?.atUs;
}

/** From the last sign of the old active to the announcements of this node: what the takeover took. */
export function takeoverUs(entry: HistoryEntry): number | undefined {
  return entry.to === "active" ? difference(lastHeardUs(entry), stampUs(entry, "announced")) : undefined;
}

/** The same until all addresses are in the kernel as well: where they come late, they are announced once more then. */
export function heldAndAnnouncedUs(entry: HistoryEntry): number | undefined {
  const announcedUs = takeoverUs(entry);
  const heldUs = difference(lastHeardUs(entry), stampUs(entry, "addresses"));
  return announcedUs === undefined || heldUs === undefined ? undefined : Math.max(announcedUs, heldUs);
}

/** From the last sign of the old active to the first packet that was forwarded here: no outage was longer. */
export function gapUs(entry: HistoryEntry): number | undefined {
  return entry.to === "active" ? difference(lastHeardUs(entry), stampUs(entry, "first-packet")) : undefined;
}

function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}

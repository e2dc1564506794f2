import * as z from "zod";

/**
 * Revisions of the cluster document, as nodes keep them and exchange them. Each is a commit in the git repository of every node,
 * made from these values alone: the same entry gives the same commit everywhere (docs/protocol/config.md).
 */

/** A git object name (SHA-1). */
export const revisionIdSchema = z.string().regex(/^[0-9a-f]{40}$/);

/** Longer documents are no documents. */
export const DOCUMENT_BYTES_MAX = 8 << 20;

export const revisionInfoSchema = z.strictObject({
  /** 1 for the first one. */
  number: z.int().min(1),
  /** The id of the revision before; null for the first. */
  parent: revisionIdSchema.nullable(),
  /** Who asked for it, such as `root@gw1`. */
  author: z.string().min(1).max(200),
  /** Whole seconds, ISO 8601, UTC. */
  at: z.iso.datetime({ precision: 0 }),
  message: z.string().max(10_000),
  /** What it changes, in sentences. */
  plan: z.array(z.string().max(10_000)).max(10_000),
});

/** All that a commit is made of. */
export const revisionEntrySchema = revisionInfoSchema.extend({ text: z.string().max(DOCUMENT_BYTES_MAX) });

/** One that has its commit. */
export const revisionSchema = revisionEntrySchema.extend({ id: revisionIdSchema });

export const revisionSummarySchema = revisionInfoSchema.extend({ id: revisionIdSchema });

export type RevisionEntry = z.output<typeof revisionEntrySchema>;
export type Revision = z.output<typeof revisionSchema>;
export type RevisionSummary = z.output<typeof revisionSummarySchema>;

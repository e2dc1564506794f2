import * as z from "zod";

/** Which node shall do it; `by` is who asks, for the log. */
const addressed = { node: z.string(), by: z.string().max(100).optional() };

/** What the authority's machine asks of a node about its keys. */
export const keysRequestSchema = z.discriminatedUnion("do", [
  /** What is in use? */
  z.strictObject({ ...addressed, do: z.literal("tell") }),
  /** Make a new private key, and ask for its certificate. */
  z.strictObject({ ...addressed, do: z.literal("request") }),
  z.strictObject({ ...addressed, do: z.literal("install"), certificate: z.string().max(8_192) }),
  /** Do what the authority's letter says (src/keys/key-letter.ts). */
  z.strictObject({ ...addressed, do: z.literal("take"), letter: z.string(), signature: z.string().max(200) }),
  /** Give the last letter: for a node that was away. */
  z.strictObject({ ...addressed, do: z.literal("give") }),
]);

export const keysStateSchema = z.object({
  serial: z.string(),
  issuer: z.string(),
  expires: z.string(),
  authorities: z.array(z.string()),
  clusterKeys: z.array(z.string()),
  letter: z.number(),
  revoked: z.array(z.string()),
});

export const keysRequestAnswerSchema = z.object({ request: z.string() });

export const keysLetterAnswerSchema = z.object({
  letter: z.string(),
  signature: z.string(),
});

export const keysAnswerSchema = z.union([keysStateSchema, keysRequestAnswerSchema, keysLetterAnswerSchema]);

export type KeysRequest = z.output<typeof keysRequestSchema>;
export type KeysStateAnswer = z.output<typeof keysStateSchema>;

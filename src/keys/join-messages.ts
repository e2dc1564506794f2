import * as z from "zod";
import { signedLetterSchema } from "./key-letter.ts";

/** The messages of a join (docs/protocol/join.md): one line of JSON each way, over TLS 1.3. */

/** By ALPN: the next version of this protocol has another name. */
export const JOIN_PROTOCOL = "tocha-join/1";

/** A request has the addresses of a machine; an answer has the document. */
export const REQUEST_BYTES_MAX = 64 << 10;
export const ANSWER_BYTES_MAX = 1 << 20;

const machineInterface = z.strictObject({
  device: z.string().min(1).max(15),
  /** With prefix lengths, as in the document. */
  addresses: z.array(z.string().max(64)).max(64),
});

export const joinRequestSchema = z.strictObject({
  node: z.string().min(1).max(63),
  /** PKCS #10, in PEM. */
  request: z.string().max(8_192),
  interfaces: z.array(machineInterface).max(256),
  /** By role, where the networks alone do not tell. */
  devices: z.record(z.string().max(63), z.string().max(15)),
});

/** The request goes as the text that the proof is about. */
export const joinEnvelopeSchema = z.strictObject({
  request: z.string(),
  /** Hexadecimal. */
  proof: z.string().regex(/^[0-9a-f]{64}$/),
});

export const joinAnswerSchema = z.strictObject({
  ok: z.literal(true),
  cluster: z.string(),
  node: z.string(),
  /** In PEM. */
  authorities: z.string(),
  certificate: z.string(),
  clusterKey: z.string(),
  letter: signedLetterSchema.nullable(),
  /** The text, with the new node in it. */
  document: z.string(),
});

export const joinRefusalSchema = z.strictObject({
  ok: z.literal(false),
  problem: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});

export type JoinRequest = z.output<typeof joinRequestSchema>;
export type JoinAnswer = z.output<typeof joinAnswerSchema>;

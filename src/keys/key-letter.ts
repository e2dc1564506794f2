import { createPrivateKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { splitCertificates } from "./certificate-bundle.ts";

/** What the authority has told the nodes last (docs/guide/keys.md): in the keys folder of each. */
export const letterFileName = "letter.json";

const serial = z.string().regex(/^[0-9a-f]{1,40}$/);

export const revokedSchema = z.strictObject({
  serial,
  node: z.string().max(63),
  /** ISO 8601, UTC. */
  at: z.string().max(40),
});

/** A letter of the authority to all nodes: what they shall trust from now on. */
export const letterSchema = z.strictObject({
  kind: z.literal("tocha key letter 1"),
  /** Counts up: a node takes no earlier letter after a later one. */
  number: z.int().min(1),
  /** In PEM, those that nodes shall trust. */
  authorities: z.string().max(16_384),
  /** Hexadecimal; the first is used for what is sent. */
  clusterKeys: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(2),
  revoked: z.array(revokedSchema).max(1_000),
});

export type KeyLetter = z.output<typeof letterSchema>;

/** The letter's very text, and the authority's signature of it: base64 of ECDSA with SHA-256 (DER). */
export const signedLetterSchema = z.strictObject({
  letter: z.string().max(262_144),
  signature: z.string().max(200),
});

export type SignedLetter = z.output<typeof signedLetterSchema>;

/** The letter in a keys folder, or undefined where there never was one. Throws where the file holds something else. */
export function readLetter(directory: string): { signed: SignedLetter; letter: KeyLetter } | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, letterFileName), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const signed = signedLetterSchema.parse(JSON.parse(text));
  return { signed, letter: letterSchema.parse(JSON.parse(signed.letter)) };
}

/** Signs a letter as the authority with this private key. */
export function signLetter(letter: KeyLetter, authorityKey: string): SignedLetter {
  const text = JSON.stringify(letter);
  const signature = sign("sha256", Buffer.from(text), createPrivateKey(authorityKey)).toString("base64");
  return { letter: text, signature };
}

/** @returns the letter, or undefined where none of these authorities (PEM) has signed it, or it is none */
export function openLetter(signed: SignedLetter, authorities: string): KeyLetter | undefined {
  const signature = Buffer.from(signed.signature, "base64");
  const isSigned = splitCertificates(authorities).some((authority) =>
    verify("sha256", Buffer.from(signed.letter), authority.publicKey, signature),
  );
  if (!isSigned) return undefined;
  try {
    return letterSchema.parse(JSON.parse(signed.letter));
  } catch {
    return undefined;
  }
}

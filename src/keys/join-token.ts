import { createHash, createHmac, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { ProblemError } from "../base/problem.ts";

// version  1  always 1
// port     2  TCP, big-endian
// pin     16  the first bytes of SHA-256 of the authority's certificate (DER)
// secret  16  random
// check    1  the first byte of SHA-256 of all the above: a slip of the pen is told before anybody is asked
//
// 36 bytes are 48 characters of base64url. The first is always an A: no shell takes the token for an option.
const VERSION = 1;
const PIN_BYTES = 16;
const SECRET_BYTES = 16;
const TOKEN_BYTES = 1 + 2 + PIN_BYTES + SECRET_BYTES + 1;

/** What the text of a token holds: whom to trust, where to knock, and the secret that is good for once. */
export interface JoinToken {
  readonly port: number;
  /** Of the authority's certificate. */
  readonly pin: Uint8Array;
  readonly secret: Uint8Array;
}

export function makeToken(authorityPem: string, port: number): JoinToken {
  return { port, pin: pinOf(new X509Certificate(authorityPem)), secret: randomBytes(SECRET_BYTES) };
}

export function formatToken({ port, pin, secret }: JoinToken): string {
  const body = Buffer.concat([Buffer.from([VERSION, port >> 8, port & 0xff]), pin, secret]);
  return Buffer.concat([body, checkOf(body)]).toString("base64url");
}

/** Throws a ProblemError where the text is no token, or was mistyped. */
export function parseToken(text: string): JoinToken {
  const bytes = Buffer.from(text, "base64url");
  const isWhole = bytes.length === TOKEN_BYTES && bytes.toString("base64url") === text;
  const body = bytes.subarray(0, TOKEN_BYTES - 1);
  if (!isWhole || bytes[0] !== VERSION || !checkOf(body).equals(bytes.subarray(TOKEN_BYTES - 1))) {
    throw new ProblemError({
      code: "bad-token",
      message: "this is not a token, or not the whole of it",
      hint: 'Copy the whole line that "tocha token" printed on the first machine: a token has 48 characters.',
    });
  }
  return {
    port: bytes.readUInt16BE(1),
    pin: bytes.subarray(3, 3 + PIN_BYTES),
    secret: bytes.subarray(3 + PIN_BYTES, 3 + PIN_BYTES + SECRET_BYTES),
  };
}

function checkOf(body: Uint8Array): Buffer {
  return createHash("sha256").update(body).digest().subarray(0, 1);
}

export function pinOf(authority: X509Certificate): Uint8Array {
  return createHash("sha256").update(authority.raw).digest().subarray(0, PIN_BYTES);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * That whoever sends this request on this very TLS connection knows the secret, without telling it.
 *
 * @param material keying material of the connection (RFC 8446 7.5), which both ends know and nobody else
 */
export function proofOf(secret: Uint8Array, material: Uint8Array, request: string): Buffer {
  return createHmac("sha256", secret).update("tocha join 1\0").update(material).update(request).digest();
}

const exporter = { label: "EXPORTER-tocha-join-1", bytes: 32 } as const;

/** Keying material of a connection (RFC 5705, RFC 8446 7.5): it binds a proof to it. */
export function exporterOf(socket: TLSSocket): Buffer {
  return socket.exportKeyingMaterial(exporter.bytes, exporter.label, Buffer.alloc(0));
}

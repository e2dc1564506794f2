import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/** 16 MiB and some tens of milliseconds for each (OWASP Password Storage Cheat Sheet: N=2^14, r=8, p=5). */
const PARAMETERS = { N: 16_384, r: 8, p: 5 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A file that somebody altered must not take all memory: 128 N r bytes. */
const MEMORY_MAX = 256 << 20;

/** The hash of a password with all that is needed to check it: `scrypt$N=…,r=…,p=…$SALT$HASH`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, PARAMETERS);
  const { N, r, p } = PARAMETERS;
  return `scrypt$N=${N},r=${r},p=${p}$${salt.toString("base64")}$${hash.toString("base64")}`;
}

/** Takes as long for a user that does not exist (no hash) as for one that does. */
export async function checkPassword(password: string, kept: string | null | undefined): Promise<boolean> {
  const parsed = parse(kept ?? "");
  if (parsed === undefined) {
    await derive(password, Buffer.alloc(SALT_BYTES), HASH_BYTES, PARAMETERS);
    return false;
  }
  const hash = await derive(password, parsed.salt, parsed.hash.length, parsed.parameters);
  return timingSafeEqual(hash, parsed.hash);
}

function parse(kept: string) {
  const match =
    /^scrypt\$N=([0-9]{1,9}),r=([0-9]{1,3}),p=([0-9]{1,3})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/.exec(kept);
  if (match === null) return undefined;
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const hash = Buffer.from(match[5] ?? "", "base64");
  if (128 * N * r > MEMORY_MAX || hash.length < 16) return undefined;
  return { parameters: { N, r, p }, salt: Buffer.from(match[4] ?? "", "base64"), hash };
}

function derive(password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  // One text has one hash, however it was typed (RFC 8265 4.2.2: NFC).
  scrypt(password.normalize("NFC"), salt, length, { ...options, maxmem: 2 * MEMORY_MAX }, (error, hash) => {
    if (error === null) resolve(hash);
    else reject(error);
  });
  return promise;
}

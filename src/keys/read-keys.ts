import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";
import { issuerOf, serialOf, splitCertificates } from "./certificate-bundle.ts";
import { letterFileName, readLetter } from "./key-letter.ts";

/** The files of a cluster in its keys folder. `ca.key` is needed only where certificates are issued. */
export const keyFileNames = {
  authorityCertificate: "ca.crt",
  authorityKey: "ca.key",
  clusterKey: "cluster.key",
} as const;

export function nodeKeyFileNames(node: string): { certificate: string; privateKey: string } {
  return { certificate: `${node}.crt`, privateKey: `${node}.key` };
}

/** The key of a certificate that is being renewed: it takes the place of the other one after the certificate has. */
export function nextKeyFileName(node: string): string {
  return `${node}.key.next`;
}

/** The name that a node's certificate carries, and that the other end of a connection must check. */
export function nodeDnsName(node: string): string {
  return `${node}.tocha`;
}

/** While the cluster key is exchanged, there are the one of before and the one of after. */
const CLUSTER_KEYS_MAX = 2;

/** What a node needs to speak to the others: PEM texts, and 32 bytes that all nodes share. */
export interface NodeKeys {
  /** All authorities that are trusted: several, while one is exchanged. */
  readonly caCertificate: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** The first is used for what is sent; what comes may be of any. */
  readonly clusterKeys: readonly [Uint8Array, ...Uint8Array[]];
  /** When the node's certificate ends. */
  readonly expires: Date;
  /** When the authority's does that has signed it. */
  readonly authorityExpires: Date;
  readonly serial: string;
  /** The authority that has signed the node's certificate, in PEM. */
  readonly issuer: string;
  /** Serial numbers of certificates that are refused, although they are signed and have not ended. */
  readonly revoked: ReadonlySet<string>;
  /** The number of the authority's last letter; 0 where there was none. */
  readonly letter: number;
}

/**
 * Reads a node's keys and checks that they fit together, so that a mistake shows at start and not at the first
 * takeover. Throws a ProblemError.
 */
export function readNodeKeys(directory: string, node: string): NodeKeys {
  const names = nodeKeyFileNames(node);
  const path = (name: string) => join(directory, name);
  const caCertificate = readKeyFile(path(keyFileNames.authorityCertificate), node);
  const certificate = readKeyFile(path(names.certificate), node);
  const { clusterKey: clusterKeyName } = keyFileNames;
  const clusterKeys = parseClusterKeys(readSecret(path(clusterKeyName), node), path(clusterKeyName));
  const authorities = parse(path(keyFileNames.authorityCertificate), () => splitCertificates(caCertificate));
  const own = parse(path(names.certificate), () => new X509Certificate(certificate));
  const bad = (name: string, message: string) =>
    badKeyFile(
      path(name),
      message,
      `Issue it anew: move the node's .crt and .key away, then "tocha keys issue ${node}".`,
    );
  const authority = issuerOf(own, authorities);
  if (authority === undefined)
    throw bad(names.certificate, `is not signed by ${keyFileNames.authorityCertificate} in the same folder`);
  const privateKey = readPrivateKey(directory, node, own);
  if (privateKey === undefined) throw bad(names.privateKey, `does not belong to ${names.certificate}`);
  if (own.checkHost(nodeDnsName(node)) === undefined)
    throw bad(names.certificate, `is not the certificate of ${node}`);
  const letter = parse(path(letterFileName), () => readLetter(directory)?.letter);
  const revoked = new Set(letter?.revoked.map(({ serial }) => serial));
  const expires = own.validToDate;
  const now = Date.now();
  if (expires.getTime() < now) throw bad(names.certificate, `ended on ${day(expires)}`);
  if (own.validFromDate.getTime() > now) {
    throw badKeyFile(
      path(names.certificate),
      `begins on ${day(own.validFromDate)}, which this clock takes for the future`,
      "Set the clock.",
    );
  }
  return {
    ...{ caCertificate, certificate, privateKey, clusterKeys, expires, revoked },
    authorityExpires: authority.validToDate,
    letter: letter?.number ?? 0,
    issuer: authority.toString(),
    serial: serialOf(own),
  };
}

/**
 * A certificate takes its place before its key does: whoever died in between finds the key where it waits.
 *
 * @returns undefined when neither belongs to the certificate
 */
function readPrivateKey(directory: string, node: string, own: X509Certificate): string | undefined {
  const path = join(directory, nodeKeyFileNames(node).privateKey);
  const nextPath = join(directory, nextKeyFileName(node));
  const text = readSecret(path, node);
  const key = parse<KeyObject>(path, () => createPrivateKey(text));
  if (own.checkPrivateKey(key)) return text;
  if (!existsSync(nextPath)) return undefined;
  const nextText = readSecret(nextPath, node);
  const next = parse<KeyObject>(nextPath, () => createPrivateKey(nextText));
  return own.checkPrivateKey(next) ? nextText : undefined;
}

function readKeyFile(path: string, node: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new ProblemError({
      code: "missing-key-file",
      message: `${path} ${missing ? "does not exist" : "cannot be read"}`,
      hint: missing
        ? `Make keys with "tocha keys init" on one machine and "tocha keys issue ${node}", then copy ca.crt, cluster.key, ${node}.crt and ${node}.key here.`
        : "Run as root, who owns the keys.",
      file: path,
    });
  }
}

/** Like ssh, we take no secret that other users of the machine can read. */
function readSecret(path: string, node: string): string {
  const text = readKeyFile(path, node);
  if ((statSync(path).mode & 0o077) !== 0)
    throw badKeyFile(path, "is open to other users", `Run "chmod 600 ${path}".`);
  return text;
}

function parseClusterKeys(text: string, path: string): readonly [Uint8Array, ...Uint8Array[]] {
  const lines = text.trim().split(/\s+/);
  const [first, ...others] = lines.map((digits) => new Uint8Array(Buffer.from(digits, "hex")));
  const isRight =
    lines.length <= CLUSTER_KEYS_MAX && lines.every((digits) => /^[0-9a-fA-F]{64}$/.test(digits));
  if (first !== undefined && isRight) return [first, ...others];
  throw badKeyFile(
    path,
    "does not hold 64 hexadecimal digits (two lines of them while the key is exchanged)",
    "Copy it again from the machine where the cluster was made.",
  );
}

function parse<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw badKeyFile(
      path,
      `does not hold what its name says${path.endsWith(".json") ? "" : ", in PEM"}`,
      "Copy it again from the machine where it was made.",
    );
  }
}

function badKeyFile(path: string, message: string, hint: string): ProblemError {
  return new ProblemError({ code: "bad-key-file", message: `${path} ${message}`, hint, file: path });
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** The text of the cluster key, as it goes to a node that joins over an encrypted connection. */
export function readKeyText(directory: string): string {
  return readFileSync(join(directory, keyFileNames.clusterKey), "utf8");
}

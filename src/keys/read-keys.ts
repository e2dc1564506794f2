import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";

/** The files of a cluster in its keys folder. `ca.key` is needed only where certificates are issued. */
export const keyFileNames = {
  authorityCertificate: "ca.crt",
  authorityKey: "ca.key",
  clusterKey: "cluster.key",
} as const;

export function nodeKeyFileNames(node: string): { certificate: string; privateKey: string } {
  return { certificate: `${node}.crt`, privateKey: `${node}.key` };
}

/** The name that a node's certificate carries, and that the other end of a connection must check. */
export function nodeDnsName(node: string): string {
  return `${node}.tocha`;
}

/** What a node needs to speak to the others: PEM texts, and 32 bytes that all nodes share. */
export interface NodeKeys {
  readonly caCertificate: string;
  readonly certificate: string;
  readonly privateKey: string;
  readonly clusterKey: Uint8Array;
  /** When the node's certificate ends. */
  readonly expires: Date;
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
  const privateKey = readSecret(path(names.privateKey), node);
  const clusterKey = parseClusterKey(
    readSecret(path(keyFileNames.clusterKey), node),
    path(keyFileNames.clusterKey),
  );
  const authority = parse(path(keyFileNames.authorityCertificate), () => new X509Certificate(caCertificate));
  const own = parse(path(names.certificate), () => new X509Certificate(certificate));
  const key = parse(path(names.privateKey), () => createPrivateKey(privateKey));
  const bad = (name: string, message: string) =>
    badKeyFile(
      path(name),
      message,
      `Issue it anew: move the node's .crt and .key away, then "tocha keys issue ${node}".`,
    );
  if (!own.verify(authority.publicKey))
    throw bad(names.certificate, `is not signed by ${keyFileNames.authorityCertificate} in the same folder`);
  if (!own.checkPrivateKey(key)) throw bad(names.privateKey, `does not belong to ${names.certificate}`);
  if (own.checkHost(nodeDnsName(node)) === undefined)
    throw bad(names.certificate, `is not the certificate of ${node}`);
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
  return { caCertificate, certificate, privateKey, clusterKey, expires };
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

function parseClusterKey(text: string, path: string): Uint8Array {
  const digits = text.trim();
  if (/^[0-9a-fA-F]{64}$/.test(digits)) return new Uint8Array(Buffer.from(digits, "hex"));
  throw badKeyFile(
    path,
    "does not hold 64 hexadecimal digits",
    "Copy it again from the machine where the cluster was made.",
  );
}

function parse<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw badKeyFile(
      path,
      "does not hold what its name says, in PEM",
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

import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";
import { issuerOf, joinCertificates, serialOf, splitCertificates } from "./certificate-bundle.ts";
import { makeNodeRequest } from "./certificates.ts";
import { replaceFile } from "./key-folder.ts";
import { letterFileName, openLetter, readLetter, type SignedLetter } from "./key-letter.ts";
import { keyFileNames, nextKeyFileName, nodeDnsName, nodeKeyFileNames, readNodeKeys } from "./read-keys.ts";

/** What a node tells of its keys: nothing that is secret. Fingerprints are SHA-256 in hexadecimal. */
export interface KeysState {
  readonly serial: string;
  /** Fingerprint of the authority that has signed its certificate. */
  readonly issuer: string;
  readonly expires: string;
  /** Fingerprints of the authorities that it trusts. */
  readonly authorities: readonly string[];
  /** Digests of the cluster keys; the first is used for what it sends. */
  readonly clusterKeys: readonly string[];
  /** Of the last letter, 0 where there was none. */
  readonly letter: number;
  /** Serial numbers that it refuses. */
  readonly revoked: readonly string[];
}

export function keysState(directory: string, node: string): KeysState {
  const keys = readNodeKeys(directory, node);
  return {
    serial: keys.serial,
    issuer: fingerprint(new X509Certificate(keys.issuer)),
    expires: keys.expires.toISOString(),
    authorities: splitCertificates(keys.caCertificate).map(fingerprint),
    clusterKeys: keys.clusterKeys.map(clusterKeyDigest),
    letter: readLetter(directory)?.letter.number ?? 0,
    revoked: [...keys.revoked],
  };
}

export function fingerprint(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.raw).digest("hex");
}

export function clusterKeyDigest(key: Uint8Array): string {
  return createHash("sha256").update("tocha cluster key\0").update(key).digest("hex");
}

/** Makes a new private key, which waits beside the other one, and the request for its certificate. */
export async function requestRenewal(directory: string, node: string): Promise<string> {
  const { request, privateKey } = await makeNodeRequest(node);
  replaceFile(join(directory, nextKeyFileName(node)), privateKey);
  return request;
}

/** Puts the certificate of such a request, and its key, in the place of those of before. Throws a ProblemError. */
export function installRenewal(directory: string, node: string, pem: string): void {
  const names = nodeKeyFileNames(node);
  const path = (name: string) => join(directory, name);
  const nextPath = path(nextKeyFileName(node));
  const current = readNodeKeys(directory, node);
  const certificate = parsed(pem, node);
  if (certificate.checkHost(nodeDnsName(node)) === undefined) throw refused(node, "it is another node's");
  if (issuerOf(certificate, splitCertificates(current.caCertificate)) === undefined)
    throw refused(node, "no authority that the node trusts has signed it");
  if (current.revoked.has(serialOf(certificate))) throw refused(node, "it is refused everywhere");
  // Installed already: the answer of the first time may have been lost.
  if (current.serial === serialOf(certificate)) return;
  const isForKey =
    existsSync(nextPath) && certificate.checkPrivateKey(createPrivateKey(readFileSync(nextPath, "utf8")));
  if (!isForKey) throw refused(node, "it is not for the key that the node has made");
  // In this order: readNodeKeys finds the key of a certificate that is there already.
  replaceFile(path(names.certificate), certificate.toString());
  renameSync(nextPath, path(names.privateKey));
}

function parsed(pem: string, node: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw refused(node, "it is none");
  }
}

/**
 * Does what a letter of the authority says: whom to trust, which cluster keys to know, whose certificates to refuse.
 *
 * @returns whether it was new
 */
export function takeLetter(directory: string, node: string, signed: SignedLetter): boolean {
  const keys = readNodeKeys(directory, node);
  const letter = openLetter(signed, keys.caCertificate);
  if (letter === undefined) throw refused(node, "no authority that the node trusts has signed it", "letter");
  const last = readLetter(directory);
  if (last?.signed.letter === signed.letter) return false;
  if (last !== undefined && letter.number <= last.letter.number)
    throw refused(
      node,
      `it has number ${letter.number}, and the node has ${last.letter.number} already`,
      "letter",
    );
  const authorities = splitCertificates(letter.authorities);
  if (issuerOf(new X509Certificate(keys.certificate), authorities) === undefined)
    throw refused(node, "the node's own certificate would not be trusted any more", "letter");
  const path = (name: string) => join(directory, name);
  replaceFile(path(keyFileNames.authorityCertificate), joinCertificates(authorities));
  replaceFile(path(keyFileNames.clusterKey), letter.clusterKeys.map((key) => `${key}\n`).join(""));
  // Last: without it all of this is done again.
  replaceFile(path(letterFileName), `${JSON.stringify(signed)}\n`);
  return true;
}

function refused(node: string, why: string, what = "certificate"): ProblemError {
  return new ProblemError({
    code: "keys-refused",
    message: `${node} does not take the ${what}: ${why}`,
    hint: "Run the command again where the authority's key is: it begins with what is missing.",
  });
}

import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";
import { serialOf, splitCertificates } from "./certificate-bundle.ts";
import { type KeyPair, makeAuthority, makeNodeCertificate, signNodeRequest } from "./certificates.ts";
import { noteIssued, refuseExisting, writeNew } from "./key-folder.ts";
import { keyFileNames, nodeKeyFileNames } from "./read-keys.ts";

/**
 * Makes the secrets of a new cluster: its certificate authority and the key that authenticates pulses; with
 * `node`, also that node's certificate. Existing files are never overwritten.
 *
 * @returns the paths of the files that were written
 */
export async function initKeys(directory: string, node?: string): Promise<string[]> {
  if (node !== undefined) requireNodeName(node);
  const names = [
    ...Object.values(keyFileNames),
    ...(node === undefined ? [] : Object.values(nodeKeyFileNames(node))),
  ];
  refuseExisting(directory, names);
  const authority = await makeAuthority();
  const own = node === undefined ? undefined : await makeNodeCertificate(node, authority);
  const written = writeNew(directory, {
    [keyFileNames.authorityCertificate]: authority.certificate,
    [keyFileNames.authorityKey]: authority.privateKey,
    [keyFileNames.clusterKey]: makeClusterKey(),
    ...(node === undefined || own === undefined ? {} : nodeFiles(node, own)),
  });
  if (node !== undefined && own !== undefined) note(directory, node, own.certificate);
  return written;
}

/** 32 random bytes in hexadecimal, as a line. */
export function makeClusterKey(): string {
  return `${randomBytes(32).toString("hex")}\n`;
}

/**
 * Issues a node's certificate with the authority in `directory`.
 *
 * @returns the paths of the files that were written
 */
export async function issueKeys(directory: string, node: string): Promise<string[]> {
  requireNodeName(node);
  refuseExisting(directory, Object.values(nodeKeyFileNames(node)));
  const authority = readAuthority(directory);
  const pair = await makeNodeCertificate(node, authority);
  const written = writeNew(directory, nodeFiles(node, pair));
  note(directory, node, pair.certificate);
  return written;
}

/** Signs a node's request with the authority in `directory`. Throws a ProblemError where the request is wrong. */
export async function issueForRequest(directory: string, node: string, request: string): Promise<string> {
  requireNodeName(node);
  const authority = readAuthority(directory);
  let certificate: string;
  try {
    certificate = await signNodeRequest(request, node, authority);
  } catch (error) {
    throw new ProblemError({
      code: "bad-key-file",
      message: `the request of ${node} for a certificate is not right: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Is the same release of tocha installed on both machines? tocha version",
    });
  }
  note(directory, node, certificate);
  return certificate;
}

/** The authority that signs here: the one of those in ca.crt that ca.key belongs to. Throws a ProblemError. */
export function readAuthority(directory: string): KeyPair {
  const certificates = readAuthorityFile(join(directory, keyFileNames.authorityCertificate));
  const privateKey = readAuthorityFile(join(directory, keyFileNames.authorityKey));
  try {
    const key = createPrivateKey(privateKey);
    const own = splitCertificates(certificates).find((one) => one.checkPrivateKey(key));
    if (own === undefined)
      throw new Error(`${keyFileNames.authorityKey} does not belong to ${keyFileNames.authorityCertificate}`);
    return { certificate: own.toString(), privateKey };
  } catch (error) {
    throw new ProblemError({
      code: "bad-key-file",
      message: `the authority in ${directory} cannot sign: ${error instanceof Error ? error.message : String(error)}`,
      hint: `Restore ${keyFileNames.authorityCertificate} and ${keyFileNames.authorityKey} from where "tocha keys init" made them.`,
    });
  }
}

/** A node's name becomes a file's name and a DNS label. */
export function requireNodeName(node: string): void {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(node)) return;
  throw new ProblemError({
    code: "bad-name",
    message: `"${node.slice(0, 60)}" is not a name for a node`,
    hint: "A name has small letters, digits and hyphens, begins with a letter, and has at most 63 characters.",
  });
}

function nodeFiles(node: string, pair: KeyPair): Record<string, string> {
  const names = nodeKeyFileNames(node);
  return { [names.certificate]: pair.certificate, [names.privateKey]: pair.privateKey };
}

function note(directory: string, node: string, certificate: string): void {
  const serial = serialOf(new X509Certificate(certificate));
  noteIssued(directory, { serial, node, at: new Date().toISOString() });
}

function readAuthorityFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ProblemError({
      code: "missing-ca-key",
      message: `${path} cannot be read: only the machine with the cluster's authority can issue certificates`,
      hint: 'Run this where "tocha init" or "tocha keys init" was run.',
      file: path,
    });
  }
}

import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";
import { type KeyPair, makeAuthority, makeNodeCertificate } from "./certificates.ts";
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
  return writeNew(directory, {
    [keyFileNames.authorityCertificate]: authority.certificate,
    [keyFileNames.authorityKey]: authority.privateKey,
    [keyFileNames.clusterKey]: `${randomBytes(32).toString("hex")}\n`,
    ...(node === undefined ? {} : await nodeFiles(node, authority)),
  });
}

/**
 * Issues a node's certificate with the authority in `directory`.
 *
 * @returns the paths of the files that were written
 */
export async function issueKeys(directory: string, node: string): Promise<string[]> {
  requireNodeName(node);
  refuseExisting(directory, Object.values(nodeKeyFileNames(node)));
  const authority = {
    certificate: readAuthorityFile(join(directory, keyFileNames.authorityCertificate)),
    privateKey: readAuthorityFile(join(directory, keyFileNames.authorityKey)),
  };
  let files: Record<string, string>;
  try {
    const signs = new X509Certificate(authority.certificate).checkPrivateKey(
      createPrivateKey(authority.privateKey),
    );
    if (!signs)
      throw new Error(`${keyFileNames.authorityKey} does not belong to ${keyFileNames.authorityCertificate}`);
    files = await nodeFiles(node, authority);
  } catch (error) {
    throw new ProblemError({
      code: "bad-key-file",
      message: `the authority in ${directory} cannot sign: ${error instanceof Error ? error.message : String(error)}`,
      hint: `Restore ${keyFileNames.authorityCertificate} and ${keyFileNames.authorityKey} from where "tocha keys init" made them.`,
    });
  }
  return writeNew(directory, files);
}

/** The name becomes a file's name and a DNS label. */
function requireNodeName(node: string): void {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(node)) return;
  throw new ProblemError({
    code: "bad-name",
    message: `"${node.slice(0, 60)}" is not a name for a node`,
    hint: "A name has small letters, digits and hyphens, begins with a letter, and has at most 63 characters.",
  });
}

async function nodeFiles(node: string, authority: KeyPair): Promise<Record<string, string>> {
  const pair = await makeNodeCertificate(node, authority);
  const names = nodeKeyFileNames(node);
  return { [names.certificate]: pair.certificate, [names.privateKey]: pair.privateKey };
}

function refuseExisting(directory: string, names: readonly string[]): void {
  const existing = names.map((name) => join(directory, name)).filter((path) => existsSync(path));
  if (existing.length === 0) return;
  throw new ProblemError({
    code: "keys-exist",
    message: `${existing.join(", ")} ${existing.length === 1 ? "exists" : "exist"} already; nothing was written`,
    hint: "Keys in use are not replaced by accident: move the old files away first, or name another folder.",
  });
}

function readAuthorityFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ProblemError({
      code: "missing-ca-key",
      message: `${path} cannot be read: only the machine with the cluster's authority can issue certificates`,
      hint: 'Run this where "tocha keys init" was run, or make a new cluster with "tocha keys init".',
      file: path,
    });
  }
}

/** All files or none: what was written before a failure is taken away again. */
function writeNew(directory: string, files: Record<string, string>): string[] {
  const written: string[] = [];
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name);
      writeFileSync(path, content, { flag: "wx", mode: 0o600 });
      written.push(path);
      chmodSync(path, 0o600); // also under a umask that takes more away
    }
    return written;
  } catch (error) {
    for (const path of written) unlinkSync(path);
    throw new ProblemError({
      code: "unreadable-file",
      message: `the keys cannot be written to ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Run as a user who may write there (sudo), or name another folder.",
      file: directory,
    });
  }
}

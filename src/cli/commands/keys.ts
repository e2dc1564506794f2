import { basename, join } from "node:path";
import { initKeys, issueKeys } from "../../keys/key-files.ts";
import { keyFileNames, nodeKeyFileNames } from "../../keys/read-keys.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

export interface KeysOptions {
  readonly directory: string;
  readonly node?: string;
  readonly output: string;
}

export async function keysInit({ directory, node, output }: KeysOptions): Promise<ExitStatus> {
  const written = await initKeys(directory, node);
  if (output === "json") return printJson(written);
  process.stdout.write(
    `${listed(written)}\nKeep ${join(directory, keyFileNames.authorityKey)} on this machine only, and a copy in a safe place: ` +
      "whoever has it can add\nnodes to the cluster.\n" +
      `Next: tocha keys issue NODE${directory === "/etc/tocha/keys" ? "" : ` --directory ${directory}`}   for every ${node === undefined ? "" : "other "}node\n`,
  );
  return exitStatus.ok;
}

export async function keysIssue(
  nodes: readonly string[],
  { directory, output }: KeysOptions,
): Promise<ExitStatus> {
  const written: string[] = [];
  for (const node of nodes) written.push(...(await issueKeys(directory, node)));
  if (output === "json") return printJson(written);
  process.stdout.write(
    `${listed(written)}\nEach node needs its own two files, ca.crt and cluster.key, and nothing else. To copy them:\n`,
  );
  for (const node of nodes) {
    const { certificate, privateKey } = nodeKeyFileNames(node);
    const files = [keyFileNames.authorityCertificate, keyFileNames.clusterKey, certificate, privateKey].join(
      ",",
    );
    process.stdout.write(
      `  ssh root@${node} install -d -m 700 ${directory}\n  scp -p ${join(directory, `{${files}}`)} root@${node}:${directory}/\n`,
    );
  }
  return exitStatus.ok;
}

function listed(written: readonly string[]): string {
  return written.map((path) => `wrote ${path}${describe(basename(path))}\n`).join("");
}

function describe(name: string): string {
  if (name === keyFileNames.authorityCertificate) return "   the cluster's authority: on every node";
  if (name === keyFileNames.authorityKey) return "   its private key: only here";
  if (name === keyFileNames.clusterKey) return "   authenticates pulses: on every node";
  return "";
}

function printJson(written: readonly string[]): ExitStatus {
  process.stdout.write(`${JSON.stringify({ ok: true, written })}\n`);
  return exitStatus.ok;
}

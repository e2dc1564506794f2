import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join as joinPath, resolve } from "node:path";
import { ProblemError } from "../../base/problem.ts";
import { readDocument } from "../../contract/read-document.ts";
import { joinCluster } from "../../keys/join-cluster.ts";
import { parseToken } from "../../keys/join-token.ts";
import { requireNodeName } from "../../keys/key-files.ts";
import { refuseExisting, writeNew } from "../../keys/key-folder.ts";
import { letterFileName } from "../../keys/key-letter.ts";
import { keyFileNames, nodeKeyFileNames, readNodeKeys } from "../../keys/read-keys.ts";
import { readHostNetwork } from "../bootstrap/host-network.ts";
import { hostNodeName } from "../choose-node.ts";
import { DocumentProblems, defaultDocumentPath } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { whileWaiting } from "../waiting.ts";

export interface JoinOptions {
  readonly config: string;
  readonly node?: string;
  /** ROLE=DEVICE. */
  readonly interface?: readonly string[];
  readonly output: string;
}

/** Makes this machine a node of a cluster: its key is made here, and the rest comes from the first machine. */
export async function join(address: string, tokenText: string, options: JoinOptions): Promise<ExitStatus> {
  const token = parseToken(tokenText);
  const node = options.node ?? hostNodeName();
  requireNodeName(node);
  const config = resolve(options.config);
  refuseDocument(config);
  const names = [
    keyFileNames.authorityCertificate,
    keyFileNames.clusterKey,
    ...Object.values(nodeKeyFileNames(node)),
  ];
  // Where they most likely go: the document, which comes with the answer, says it. A token is good for once.
  refuseExisting(joinPath(dirname(config), "keys"), names);
  const interfaces = readHostNetwork().devices.map(({ name, addresses }) => ({
    device: name,
    addresses: [...addresses],
  }));
  const machine = { node, interfaces, devices: chosenDevices(options.interface) };
  const joined = await whileWaiting(`${address} lets this machine in`, joinCluster(address, token, machine));
  const read = readDocument(joined.document, config);
  if (read.document === undefined) throw new DocumentProblems(read.problems, joined.document, config);
  const directory = resolve(dirname(config), read.document.keys.directory);
  const own = nodeKeyFileNames(node);
  const written = writeNew(directory, {
    [keyFileNames.authorityCertificate]: joined.authorities,
    [keyFileNames.clusterKey]: joined.clusterKey,
    [own.certificate]: joined.certificate,
    [own.privateKey]: joined.privateKey,
    ...(joined.letter === null ? {} : { [letterFileName]: JSON.stringify(joined.letter) }),
  });
  readNodeKeys(directory, node);
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(config, joined.document, { flag: "wx", mode: 0o644 });
  if (options.output === "json") {
    const { cluster } = joined;
    process.stdout.write(`${JSON.stringify({ ok: true, cluster, node, written: [config, ...written] })}\n`);
    return exitStatus.ok;
  }
  const shown = Object.entries(read.document.nodes[node]?.interfaces ?? {}).map(
    ([role, { device, addresses }]) => `  ${role.padEnd(5)} ${device} ${addresses.join(" ")}\n`,
  );
  const option = options.config === defaultDocumentPath ? "" : ` --config ${options.config}`;
  process.stdout.write(
    `${node} is a node of the cluster ${joined.cluster} now:\n${shown.join("")}` +
      `wrote ${config}\n${written.map((path) => `wrote ${path}\n`).join("")}\n` +
      `Next: tocha run${option}${node === hostNodeName() ? "" : ` --node ${node}`}\n`,
  );
  return exitStatus.ok;
}

function refuseDocument(config: string): void {
  if (!existsSync(config)) return;
  throw new ProblemError({
    code: "document-exists",
    message: `${config} exists already: this machine is a node of a cluster, or was; nothing was asked for`,
    hint: "Move it and the keys beside it away first.",
    file: config,
  });
}

function chosenDevices(wishes: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    wishes.map((wish) => {
      const [, role, device] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(wish) ?? [];
      if (role !== undefined && device !== undefined) return [role, device];
      const hint = "Such as --interface lan=eth0.";
      throw new ProblemError({
        code: "bad-usage",
        message: `"${wish.slice(0, 60)}" is not ROLE=DEVICE`,
        hint,
      });
    }),
  );
}

import { globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseNetwork } from "../../base/ip.ts";
import { ProblemError } from "../../base/problem.ts";
import type { SourceFile } from "../../import/block-file.ts";
import { configKind } from "../../import/config-kind.ts";
import { documentName } from "../../import/config-values.ts";
import { type ImportResult, importCluster } from "../../import/import-cluster.ts";
import type { NodeFiles } from "../../import/node-config.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { importReport } from "../import-text.ts";
import { paperOf } from "../terminal.ts";

export interface ImportOptions {
  readonly node?: readonly string[];
  readonly configId?: readonly string[];
  readonly device?: readonly string[];
  readonly address?: readonly string[];
  readonly without?: readonly string[];
  readonly cluster: string;
  readonly file?: string;
  readonly output: string;
}

/** A configuration has hundreds of lines; this is a hundred thousand. */
const FILE_BYTES_MAX = 8 * 1_048_576;
/** Folders with more files than this hold something else. */
const INCLUDED_MAX = 256;

/** Prints a cluster document made of other programs' files, and a report of what was not carried over. */
export function importConfigurations(files: readonly string[], options: ImportOptions): ExitStatus {
  const result = importCluster({
    cluster: documentName(options.cluster, "imported"),
    nodes: nodesOf(files, options),
    devices: (options.device ?? []).map(deviceWish),
    addresses: (options.address ?? []).map(addressWish),
    without: options.without ?? [],
    include: readIncluded,
  });
  const isGood = result.text !== undefined && result.problems.length === 0;
  if (options.output === "json") {
    const { text = null, remarks, missing, problems, notices } = result;
    const answer = { ok: isGood, document: text, remarks, missing, problems, notices };
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  } else {
    process.stderr.write(importReport(result, paperOf(process.stderr)));
  }
  if (isGood) deliver(result, options);
  return isGood ? exitStatus.ok : exitStatus.badInput;
}

function deliver({ text = "" }: ImportResult, { file, output }: ImportOptions): void {
  const whole = `# Made by tocha import. Look through it, then: tocha check FILE\n${text}`;
  if (file === undefined) {
    if (output !== "json") process.stdout.write(whole);
    return;
  }
  try {
    // Never over a document that somebody has worked on.
    writeFileSync(file, whole, { flag: "wx" });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new ProblemError({
      code: "unreadable-file",
      message: exists ? `${file} exists already` : `${file} cannot be written: ${messageOf(error)}`,
      hint: exists
        ? "Name another file, or move this one away."
        : "Name a file in a folder that can be written.",
    });
  }
  process.stderr.write(`wrote ${file}\n`);
}

function nodesOf(shared: readonly string[], { node = [], configId = [] }: ImportOptions): NodeFiles[] {
  const common = shared.map(readSource);
  const named = new Map<string, SourceFile[]>();
  for (const text of node) {
    const [name, file] = pair(text, "--node", "NAME=FILE, such as gw1=keepalived.conf");
    if (documentName(name, "") !== name)
      throw usage(`"${name}" is not a name for a node`, "A name has small letters, digits and hyphens.");
    named.set(name, [...(named.get(name) ?? []), readSource(file)]);
  }
  if (named.size === 0) {
    if (common.length === 0)
      throw usage("no file is named", "Name keepalived.conf and the others: tocha import --help.");
    named.set(onlyName(common), []);
  }
  const ids = new Map(configId.map((text) => pair(text, "--config-id", "NAME=ID, such as gw1=high")));
  return [...named].map(([name, own]) => {
    const id = ids.get(name);
    return { name, files: [...own, ...common], ...(id === undefined ? {} : { configId: id }) };
  });
}

/** The name of a node that has none: what its keepalived calls itself, if that is more than an example. */
function onlyName(files: readonly SourceFile[]): string {
  const routerId = files
    .map(({ text }) => /^\s*router_id\s+["']?([A-Za-z0-9._-]+)/m.exec(text)?.[1])
    .find((one) => one !== undefined && one !== "LVS_DEVEL");
  return documentName((routerId ?? "").split(".")[0] ?? "", "gw1");
}

function deviceWish(text: string): { node?: string; role: string; device: string } {
  const [place, device] = pair(text, "--device", "ROLE=DEVICE or NODE/ROLE=DEVICE, such as wan=eth1");
  const [first = "", second] = place.split("/");
  const role = second ?? first;
  if (documentName(role, "") !== role)
    throw usage(`"${role}" is not a name for an interface`, "A name has small letters, digits and hyphens.");
  return second === undefined ? { role, device } : { node: first, role, device };
}

function addressWish(text: string): { node: string; interface: string; address: string } {
  const [place, address] = pair(
    text,
    "--address",
    "NODE/INTERFACE=ADDRESS/LENGTH, such as gw1/lan=10.1.0.2/24",
  );
  const [node = "", name] = place.split("/");
  if (name === undefined || !address.includes("/") || parseNetwork(address) === undefined)
    throw usage(`--address ${text} is not understood`, "Write it as gw1/lan=10.1.0.2/24.");
  return { node, interface: name, address };
}

function pair(text: string, option: string, form: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0 || at === text.length - 1) throw usage(`${option} ${text} is not understood`, `Write ${form}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function usage(message: string, hint: string): ProblemError {
  return new ProblemError({ code: "bad-usage", message, hint });
}

function readSource(file: string): SourceFile {
  const text = readText(file);
  if (configKind(text) !== undefined) return { file, text };
  throw new ProblemError({
    code: "unreadable-file",
    message: `${file} is no configuration that can be imported`,
    hint: "keepalived.conf, conntrackd.conf, nftables.conf, and the output of iptables-save and ip route can be.",
  });
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new ProblemError({
      code: "unreadable-file",
      message: `${file} cannot be read: ${messageOf(error)}`,
      hint: "Look at its name; files of other users need root (sudo).",
    });
  }
  if (bytes.length <= FILE_BYTES_MAX) return bytes.toString("utf8");
  throw new ProblemError({
    code: "unreadable-file",
    message: `${file} is too large for a configuration`,
    hint: "",
  });
}

/** The files of an include, whose path is relative to the file it stands in. A file that cannot be read is none. */
function readIncluded(pattern: string, from: string): readonly SourceFile[] {
  const found = globSync(resolve(dirname(from), pattern))
    .sort()
    .slice(0, INCLUDED_MAX);
  return found.flatMap((file): SourceFile[] => {
    try {
      return [{ file, text: readText(file) }];
    } catch (error) {
      if (error instanceof ProblemError) return [];
      throw error;
    }
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ProblemError } from "../../base/problem.ts";
import type { NodeWish } from "../../client/client-for.ts";
import { type SupportPart, supportPartSchema } from "../../contract/support.ts";
import { type ExamineHereOptions, examineHere } from "../examine-here.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { manifestText } from "../manifest-text.ts";
import { whileWaiting } from "../waiting.ts";
import { clientOrHint } from "./doctor.ts";

export interface SupportBundleOptions extends NodeWish {
  readonly config?: string;
  readonly runDir?: string;
  readonly stateDir?: string;
  readonly output: string;
}

const ANSWER_LIMIT_MS = 60_000;

/** Writes what a maintainer needs into an archive: of every node that answers, without secrets. */
export async function supportBundle(
  file: string | undefined,
  { output, ...wish }: SupportBundleOptions,
): Promise<ExitStatus> {
  const asOf = new Date().toISOString();
  const name = `tocha-support-${asOf.replace(/[-:]|\.\d+/g, "")}`;
  const path = resolve(file ?? `${name}.tar.gz`);
  if (existsSync(path)) {
    throw new ProblemError({
      code: "file-exists",
      message: `${path} exists already; nothing was written`,
      hint: "Name another file, or none.",
    });
  }
  const { config } = wish;
  const { parts, silent } =
    config === undefined
      ? await whileWaiting("the nodes are asked for what they have", collectFromNodes(wish))
      : await examineAlone({ ...wish, config });
  pack(path, name, { parts, manifest: manifestText({ asOf, parts, silent }) });
  if (output === "json") {
    const nodes = parts.map(({ node, files, leftOut, removed }) => ({
      ...{ node, leftOut, removed },
      files: files.map((one) => one.name),
    }));
    process.stdout.write(`${JSON.stringify({ ok: true, file: path, nodes, silent }, null, 2)}\n`);
  } else {
    const from = parts.map(({ node }) => node).join(", ");
    process.stdout.write(
      `${path}\n  from ${from}${silent.map((one) => `; ${one.node} did not answer: ${one.why}`).join("")}\n` +
        "  MANIFEST.txt in it says what is inside. It has addresses and names of your network, no keys and no connections:\n" +
        "  look through it before you give it away.\n",
    );
  }
  return silent.length === 0 ? exitStatus.ok : exitStatus.notOk;
}

interface Collected {
  readonly parts: readonly SupportPart[];
  readonly silent: readonly { readonly node: string; readonly why: string }[];
}

async function examineAlone(wish: ExamineHereOptions): Promise<Collected> {
  const part = await whileWaiting(
    "this machine is examined",
    examineHere(wish, "support", supportPartSchema),
  );
  return { parts: [part], silent: [] };
}

async function collectFromNodes(wish: NodeWish): Promise<Collected> {
  const client = await clientOrHint(wish, "tocha support-bundle");
  const own = await client.ask("support", { timeoutMs: ANSWER_LIMIT_MS });
  const parts = [own];
  const silent: { node: string; why: string }[] = [];
  const { nodes } = await client.status();
  for (const { name } of nodes.filter((node) => node.name !== own.node)) {
    try {
      const query = new URLSearchParams({ node: name });
      parts.push(await client.ask("support", { query, timeoutMs: ANSWER_LIMIT_MS }));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      silent.push({ node: name, why: error.problem.message });
    }
  }
  return { parts, silent };
}

/** Only the owner may read what is made on the way, and the archive. */
function pack(
  path: string,
  name: string,
  { parts, manifest }: { readonly parts: readonly SupportPart[]; readonly manifest: string },
): void {
  const folder = mkdtempSync(join(tmpdir(), "tocha-support-"));
  try {
    const root = join(folder, name);
    mkdirSync(root, { mode: 0o700 });
    writeFileSync(join(root, "MANIFEST.txt"), manifest, { mode: 0o600 });
    for (const { node, files } of parts) {
      mkdirSync(join(root, node), { mode: 0o700 });
      for (const file of files) writeFileSync(join(root, node, file.name), file.text, { mode: 0o600 });
    }
    // Under another name first: what is there under its own name is whole.
    const unfinished = `${path}.${process.pid}`;
    const mask = process.umask(0o077);
    const tar = spawnSync("tar", ["-czf", unfinished, "-C", folder, "--owner=0", "--group=0", name], {
      encoding: "utf8",
    });
    process.umask(mask);
    if (tar.status !== 0) {
      rmSync(unfinished, { force: true });
      throw new ProblemError({
        code: "unwritable-file",
        message: `${path} cannot be written: ${(tar.error?.message ?? tar.stderr).trim().split("\n")[0]}`,
        hint: `Is there room in ${dirname(path)}, and is tar installed?`,
      });
    }
    renameSync(unfinished, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { readdirSync } from "node:fs";
import type { Command } from "commander";
import { ControlClient } from "../../client/control-client.ts";
import { defaultRoots, findSocket } from "../../client/find-socket.ts";
import { type Candidate, type Completion, completionOf } from "../completion.ts";

/** Whoever presses the tabulator key waits no longer for names than this. */
const ANSWER_MS_MAX = 700;
const NEWEST = "20";

/**
 * Prints what can follow the words of a command line, a line each: the word, a tabulator, and what it is. `:file` and
 * `:directory` stand for paths. Never fails and never says anything else: a shell would show it in the middle of a line.
 */
export async function complete(program: Command, words: readonly string[]): Promise<void> {
  const limit = setTimeout(() => process.exit(0), ANSWER_MS_MAX * 2);
  try {
    const completion = completionOf(program, words);
    // bash gives `--to=x` as three words, and completes the last.
    const written = words.at(-1) ?? "";
    const names = await liveNames(completion);
    const lines = [...completion.candidates, ...names]
      .filter(({ text }) => text.startsWith(written === "=" ? "" : written))
      .map(({ text, about }) => `${text}\t${about}\n`);
    if (completion.paths !== undefined) lines.push(`:${completion.paths}\n`);
    process.stdout.write(lines.join(""));
  } catch {
    // No node that answers, no right to ask it: then there are no names.
  } finally {
    clearTimeout(limit);
  }
}

async function liveNames({ live, given, prefix }: Completion): Promise<Candidate[]> {
  const named = (texts: readonly string[], about: string) =>
    texts.map((text) => ({ text: prefix + text, about }));
  if (live === undefined) return [];
  switch (live) {
    case "labs":
      return named(folders(defaultRoots.labs), "lab");
    case "local-nodes":
      return named(folders(defaultRoots.nodes), "node of this machine");
    case "changes": {
      const { entries } = await (await client(given)).history(new URLSearchParams({ limit: NEWEST }));
      return entries.map(({ id, from, to }) => ({ text: prefix + id, about: `${from} > ${to}` }));
    }
    case "revisions": {
      const query = new URLSearchParams({ limit: NEWEST });
      const { revisions } = await (await client(given)).ask("config.history", { query });
      return revisions.map(({ number, message }) => ({
        text: `${prefix}${number}`,
        about: message.split("\n")[0] ?? "",
      }));
    }
    case "groups": {
      const { groups } = await (await client(given)).status();
      return named(
        groups.map(({ name }) => name),
        "group",
      );
    }
    case "nodes":
    case "lab-links": {
      const { nodes } = await (await client(given)).status();
      if (live === "nodes")
        return nodes.map(({ name, role }) => ({ text: prefix + name, about: role ?? "" }));
      const links = nodes.flatMap(({ name }) => ["lan", "wan", "sync"].map((link) => `${name}-${link}`));
      return named([...links, "client", "server"], "cable");
    }
  }
}

async function client(given: ReadonlyMap<string, string>): Promise<ControlClient> {
  const lab = given.get("--lab") ?? given.get("--name");
  const socket = given.get("--socket");
  const wish = { ...(socket === undefined ? {} : { socket }), ...(lab === undefined ? {} : { lab }) };
  return new ControlClient(await findSocket(wish), { timeoutMs: ANSWER_MS_MAX });
}

function folders(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
  } catch {
    return [];
  }
}

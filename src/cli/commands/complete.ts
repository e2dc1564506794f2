import { readdirSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { clientFor } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import { defaultRoots } from "../../client/find-socket.ts";
import { type Candidate, type Completion, type CompletionPlace, completionOf } from "../completion.ts";

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
    const { written, apart } = completion;
    const names = await liveNames(completion);
    const lines = [...completion.candidates, ...names]
      .filter(({ text }) => text.startsWith(written))
      .map(({ text, about }) => `${text.slice(apart)}\t${about}\n`);
    if (completion.paths !== undefined) lines.push(`:${completion.paths}\n`);
    process.stdout.write(lines.join(""));
  } catch {
    // No node that answers, no right to ask it: then there are no names.
  } finally {
    clearTimeout(limit);
  }
}

async function liveNames({ live, place, prefix, written }: Completion): Promise<Candidate[]> {
  const named = (texts: readonly string[], about: string) =>
    texts.map((text) => ({ text: prefix + text, about }));
  if (live === undefined) return [];
  switch (live) {
    case "labs":
      return named(folders(defaultRoots.labs), "lab");
    case "local-nodes":
      return named(folders(defaultRoots.nodes), "node of this machine");
    case "changes": {
      const { entries } = await (await client(place)).history(new URLSearchParams({ limit: NEWEST }));
      return entries.map(({ id, from, to }) => ({ text: prefix + id, about: `${from} > ${to}` }));
    }
    case "revisions": {
      const query = new URLSearchParams({ limit: NEWEST });
      const { revisions } = await (await client(place)).ask("config.history", { query });
      return revisions.map(({ number, message }) => ({
        text: `${prefix}${number}`,
        about: plain(message.split("\n")[0] ?? ""),
      }));
    }
    case "users": {
      const { users } = await (await client(place)).ask("users.list");
      return users.map(({ name, role }) => ({ text: prefix + name, about: role }));
    }
    case "user-tokens": {
      const { users } = await (await client(place)).ask("users.list");
      const tokens = users.find(({ name }) => name === place.args[0])?.tokens ?? [];
      return tokens.map(({ id, label, role }) => ({ text: prefix + id, about: plain(`${role} ${label}`) }));
    }
    case "document-paths": {
      const { pathsFrom } = await import("../../core/config/paths-from.ts");
      const text = readFileSync(place.given.get("--file") ?? "", "utf8");
      return pathsFrom(text, written, place.words.at(-1) === "set" ? "set" : "unset");
    }
    case "groups": {
      const { groups } = await (await client(place)).status();
      return named(
        groups.map(({ name }) => name),
        "group",
      );
    }
    case "nodes":
    case "lab-links": {
      const { nodes } = await (await client(place)).status();
      if (live === "nodes")
        return nodes.map(({ name, role }) => ({ text: prefix + name, about: role ?? "" }));
      const links = nodes.flatMap(({ name }) => ["lan", "wan", "sync"].map((link) => `${name}-${link}`));
      return named([...links, "client", "server"], "cable");
    }
  }
}

/** Whom the command itself would ask, but for no longer than somebody waits who pressed a key. */
async function client({ words, given }: CompletionPlace): Promise<ControlClient> {
  const options = {
    socket: given.get("--socket"),
    // Where the history is asked for, it says whose.
    node: words.includes("history") ? undefined : given.get("--node"),
    lab: given.get("--lab") ?? given.get("--name"),
    url: given.get("--url"),
    tokenFile: given.get("--token-file"),
    ca: given.get("--ca"),
  };
  const wish = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return await clientFor(wish, process.env, { timeoutMs: ANSWER_MS_MAX });
}

/** On one line, and without what would control a terminal. */
function plain(text: string): string {
  return text.replace(/\p{C}/gu, "?").trim();
}

function folders(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
  } catch {
    return [];
  }
}

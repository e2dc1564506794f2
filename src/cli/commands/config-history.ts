import { ProblemError } from "../../base/problem.ts";
import { clientFor } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import type { ConfigState } from "../../contract/config-operations.ts";
import { textDifference } from "../../core/config/text-difference.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { differenceText } from "../plan-text.ts";
import { tableLines } from "../table.ts";
import { paperOf } from "../terminal.ts";
import type { ConfigOptions } from "./config-apply.ts";

export interface HistoryOptions extends ConfigOptions {
  readonly limit: string;
}

/** Lists the revisions. */
export async function configHistory({ output, limit, ...wish }: HistoryOptions): Promise<ExitStatus> {
  if (!/^[1-9][0-9]{0,3}$/.test(limit)) {
    throw new ProblemError({
      code: "bad-usage",
      message: `--limit ${limit} is not a number of revisions`,
      hint: "Write a whole number from 1 to 9999.",
    });
  }
  const client = await clientFor(wish);
  const answer = await client.ask("config.history", { query: new URLSearchParams({ limit }) });
  if (output === "json") process.stdout.write(`${JSON.stringify(answer)}\n`);
  else if (answer.revisions.length === 0) {
    process.stdout.write(
      "no revision yet: the nodes run the file that they were started with. The first `tocha config apply` begins the history.\n",
    );
  } else {
    const rows = answer.revisions.map(({ number, at, author, message }) => [
      [String(number)],
      [at],
      [author],
      [message.split("\n")[0] ?? ""],
    ]);
    const columns = [
      { title: "revision", right: true },
      { title: "when" },
      { title: "who" },
      { title: "why" },
    ];
    process.stdout.write(`${tableLines(columns, rows).join("\n")}\n`);
  }
  return exitStatus.ok;
}

/** Shows a document of the history, or that which applies. */
export async function configShow(
  revision: string | undefined,
  { output, ...wish }: ConfigOptions,
): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const answer =
    revision === undefined
      ? await client.ask("config")
      : await client.ask("config.revision", { parameters: { revision } });
  process.stdout.write(output === "json" ? `${JSON.stringify(answer)}\n` : answer.text);
  return exitStatus.ok;
}

export interface DiffOptions extends ConfigOptions {
  readonly other?: string;
}

/** Shows how two revisions differ, or what another node has whose history went apart. */
export async function configDiff(
  from: string | undefined,
  to: string | undefined,
  { output, other, ...wish }: DiffOptions,
): Promise<ExitStatus> {
  const isClear = other === undefined ? from !== undefined : to === undefined;
  if (!isClear) {
    throw new ProblemError({
      code: "bad-usage",
      message:
        other === undefined ? "no revision is named" : "--other stands in place of the second revision",
      hint: "tocha config history lists the revisions; --other NODE is for histories that went apart.",
    });
  }
  const client = await clientFor(wish);
  const theirs = other === undefined ? undefined : await otherSide(client, other);
  const textOf = async (revision: string | undefined) => {
    if (revision === undefined) return { name: "running", text: (await client.ask("config")).text };
    const { number, text } = await client.ask("config.revision", { parameters: { revision } });
    return { name: `revision ${number}${revision === theirs ? ` of ${other}` : ""}`, text };
  };
  const difference = textDifference(await textOf(from), await textOf(theirs ?? to));
  if (output === "json") process.stdout.write(`${JSON.stringify({ difference })}\n`);
  else process.stdout.write(differenceText(difference, paperOf(process.stdout)));
  return difference === "" ? exitStatus.ok : exitStatus.notOk;
}

/** @returns the revision at the end of another node's history that went apart from that of the node that is asked */
async function otherSide(client: ControlClient, other: string): Promise<string> {
  const { node, diverged } = await client.ask("config.state");
  const found = diverged.find((one) => one.node === other);
  if (found !== undefined) return found.id;
  const names = diverged.map((one) => one.node);
  throw new ProblemError({
    code: "no-such-revision",
    message: `${node} knows of no history of ${other} that went apart from its own`,
    hint: names.length === 0 ? "tocha config state says what it has." : `It knows of ${names.join(", ")}.`,
  });
}

/** What applies on the node, and what is under way. */
export async function configState({ output, ...wish }: ConfigOptions): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const state = await client.ask("config.state");
  process.stdout.write(output === "json" ? `${JSON.stringify(state)}\n` : stateText(state));
  return state.change === null && state.diverged.length === 0 ? exitStatus.ok : exitStatus.notOk;
}

function stateText({ node, head, change, takenBack, diverged, fileDiffers }: ConfigState): string {
  const paper = paperOf(process.stdout);
  const lines = [
    head === null
      ? `${node} runs the file that it was started with; nothing was applied yet.`
      : `${node} runs revision ${head.number} (${head.id.slice(0, 12)}).`,
  ];
  if (change !== null) {
    const what = change.phase === "made" ? "is made and waits to be confirmed" : "is being prepared";
    lines.push(
      `${paper.paint("yellow", "!")}  revision ${change.number} of ${change.author} ${what}: ${change.secondsLeft} s left.`,
      "   Keep it: tocha config confirm. Take it back now: tocha config revert.",
    );
  }
  if (takenBack !== undefined)
    lines.push(
      `   Revision ${takenBack.number} of ${takenBack.author} was taken back at ${takenBack.at}: ${takenBack.why}.`,
      `   What it was: tocha config show ${takenBack.id}`,
    );
  for (const other of diverged)
    lines.push(
      `${paper.paint("red", "x")}  the history of ${other.node} went apart from this one: it has revision ${other.number} (${other.id}).`,
      `   What is different: tocha config diff --other ${other.node}. Choose the node whose history counts: tocha config choose NODE.`,
    );
  if (fileDiffers !== null)
    lines.push(`   ${fileDiffers} says something else: tocha config plan shows what.`);
  return `${lines.join("\n")}\n`;
}

import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import { HISTORY_LIMIT_MAX } from "../../contract/failover-history.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { historyItemText, historyText } from "../history-text.ts";
import { drawsUnicode, paperOf } from "../terminal.ts";
import { whyText } from "../why-text.ts";

export interface WhyOptions extends NodeWish {
  readonly group?: string;
  readonly output: string;
}

export interface HistoryOptions extends NodeWish {
  readonly group?: string;
  readonly limit?: string;
  readonly output: string;
}

export async function why({ group, output, ...wish }: WhyOptions): Promise<ExitStatus> {
  const all = await (await clientFor(wish)).why();
  const groups = all.groups.filter(({ name }) => group === undefined || name === group);
  if (groups.length === 0)
    throw new ProblemError({
      code: "no-such-group",
      message: `there is no failover group ${group}`,
      hint: `Groups: ${all.groups.map(({ name }) => name).join(", ")}.`,
    });
  const answer = { ...all, groups };
  write(output, answer, () => whyText(answer, paperOf(process.stdout)));
  return exitStatus.ok;
}

export async function history(options: HistoryOptions): Promise<ExitStatus> {
  const { node, group, limit, output } = options;
  const query = new URLSearchParams();
  if (limit !== undefined) query.set("limit", checkedLimit(limit));
  if (node !== undefined) query.set("node", node);
  if (group !== undefined) query.set("group", group);
  const answer = await (await clientFor(socketWish(options))).history(query);
  write(output, answer, () => historyText(answer, paperOf(process.stdout)));
  return exitStatus.ok;
}

export async function showHistory(id: string, options: HistoryOptions): Promise<ExitStatus> {
  const answer = await (await clientFor(socketWish(options))).historyItem(id);
  const unicode = drawsUnicode(process.stdout);
  write(options.output, answer, () => historyItemText(answer, { ...paperOf(process.stdout), unicode }));
  return exitStatus.ok;
}

/** `--node` chooses here whose history is shown, not whom to ask: every node knows all. */
function socketWish({ node: _shown, ...wish }: HistoryOptions): NodeWish {
  return wish;
}

function checkedLimit(limit: string): string {
  const number = Number(limit);
  if (Number.isInteger(number) && number >= 1 && number <= HISTORY_LIMIT_MAX) return String(number);
  throw new ProblemError({
    code: "bad-usage",
    message: `--limit ${limit} is not a number from 1 to ${HISTORY_LIMIT_MAX}`,
  });
}

function write(output: string, answer: unknown, text: () => string): void {
  process.stdout.write(output === "json" ? `${JSON.stringify(answer, null, 2)}\n` : text());
}

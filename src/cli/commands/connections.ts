import { once } from "node:events";
import { counted, grouped } from "../../base/number-text.ts";
import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import {
  type Connection,
  type ConnectionFilter,
  type ConnectionWalk,
  connectionFilterSchema,
  type WalkLine,
} from "../../contract/connections.ts";
import { connectionCountText } from "../connection-count-text.ts";
import { ConnectionLines } from "../connection-text.ts";
import { barOf, connectionTopText } from "../connection-top-text.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { isProtected, syncText } from "../sync-text.ts";
import { paperOf } from "../terminal.ts";
import { WalkProgress } from "../walk-progress.ts";

export interface FilterOptions extends NodeWish, Partial<ConnectionFilter> {
  readonly output: string;
}

export interface ListOptions extends FilterOptions {
  readonly limit?: string;
}

export interface TopOptions extends ListOptions {
  readonly by: string;
}

/** Prints connections while they come, and holds none of them. */
export async function listConnections(options: ListOptions): Promise<ExitStatus> {
  const query = queryOf(options, limitOf(options));
  const progress = new WalkProgress(process.stderr, performance.now());
  const lines = new ConnectionLines(paperOf(process.stdout));
  const json = options.output === "json";
  for await (const line of await walk(options, "list", query)) {
    if (!isWalkLine(line)) {
      await print(json ? `${JSON.stringify(line)}\n` : lines.add(line), progress);
      continue;
    }
    // What was found so far is shown, also when it is little.
    const isEnd = line.walk.end !== undefined;
    if (!json) await print(isEnd ? lines.end() : lines.flush(), progress);
    if (isEnd) return ended(line.walk, progress);
    progress.show(line.walk, performance.now());
  }
  throw new Error("a walk has a last line");
}

/** Says what is not to be seen in the list itself: that it was not all, or that there was nothing. */
function ended(walk: ConnectionWalk, progress: WalkProgress): ExitStatus {
  progress.clear();
  if (walk.end === "failed") throw broken(walk);
  if (!process.stderr.isTTY) return exitStatus.ok;
  if (walk.end === "limit")
    process.stderr.write(`${walk.node}: ended at the limit of ${grouped(walk.matched)}; there may be more\n`);
  else if (walk.matched > 0) process.stderr.write(`${walk.node}: ${counted(walk.matched, "connection")}\n`);
  else process.stderr.write(`${walk.node}: none of ${counted(walk.read, "connection")} fits\n`);
  return exitStatus.ok;
}

/** Counts connections. */
export async function countConnections(options: FilterOptions): Promise<ExitStatus> {
  const { walk: last, count } = await lastLine(options, "count", queryOf(options));
  if (count === undefined) throw broken(last);
  if (options.output === "json")
    process.stdout.write(`${JSON.stringify({ node: last.node, count }, null, 2)}\n`);
  else process.stdout.write(connectionCountText(count, last, paperOf(process.stdout)));
  return exitStatus.ok;
}

/** Shows who has the most connections. */
export async function topConnections(options: TopOptions): Promise<ExitStatus> {
  const query = queryOf(options, { ...limitOf(options), by: options.by });
  const { walk: last, top } = await lastLine(options, "top", query);
  if (top === undefined) throw broken(last);
  if (options.output === "json") {
    const answer = { node: last.node, connections: last.matched, ...top };
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  } else {
    const bar = barOf(process.stdout, process.env);
    process.stdout.write(connectionTopText(top, last, paperOf(process.stdout), { bar }));
  }
  return exitStatus.ok;
}

/** Shows how the connections are mirrored. */
export async function syncStatus({
  output,
  ...wish
}: NodeWish & { readonly output: string }): Promise<ExitStatus> {
  const status = await (await clientFor(wish)).status();
  const kept = isProtected(status);
  if (output === "json") {
    const nodes = status.nodes.map(({ name, reachable, role, flows, flowsMax, replication }) => {
      return { name, reachable, role, flows, flowsMax, replication };
    });
    const answer = {
      cluster: status.cluster,
      protected: kept,
      activeNode: status.activeNode,
      groups: status.groups,
      asOf: status.asOf,
      nodes,
    };
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  } else {
    process.stdout.write(syncText(status, paperOf(process.stdout)));
  }
  return kept ? exitStatus.ok : exitStatus.notOk;
}

async function lastLine(
  options: FilterOptions,
  kind: "count" | "top",
  query: URLSearchParams,
): Promise<WalkLine> {
  const progress = new WalkProgress(process.stderr, performance.now());
  let last: WalkLine | undefined;
  try {
    for await (const line of await walk(options, kind, query)) {
      if (!isWalkLine(line)) continue;
      last = line;
      progress.show(line.walk, performance.now());
    }
  } finally {
    progress.clear();
  }
  if (last === undefined) throw new Error("a walk has a last line");
  return last;
}

async function walk(wish: NodeWish, kind: "list" | "count" | "top", query: URLSearchParams) {
  return (await clientFor(wish)).walk(kind, query);
}

function queryOf(options: FilterOptions, more: Readonly<Record<string, string>> = {}): URLSearchParams {
  const query = new URLSearchParams(more);
  for (const name of Object.keys(connectionFilterSchema.shape) as (keyof ConnectionFilter)[]) {
    for (const value of options[name] ?? []) query.append(name, value);
  }
  return query;
}

function limitOf({ limit }: ListOptions): Readonly<Record<string, string>> {
  if (limit === undefined) return {};
  if (/^[1-9][0-9]{0,8}$/.test(limit)) return { limit };
  throw new ProblemError({
    code: "bad-usage",
    message: `--limit ${limit} is not a number`,
    hint: "Write a whole number from 1 on.",
  });
}

function isWalkLine(line: Connection | WalkLine): line is WalkLine {
  return "walk" in line;
}

function broken({ node, read }: ConnectionWalk): ProblemError {
  return new ProblemError({
    code: "walk-failed",
    message: `the kernel of ${node} broke off after ${grouped(read)} connections`,
    hint: "Try again; a table that is being resized can be the cause.",
  });
}

/** Waits while whoever reads is slow. */
async function print(text: string, progress: WalkProgress): Promise<void> {
  if (text === "") return;
  progress.clear();
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

import { ProblemError } from "../base/problem.ts";
import { clientFor, type NodeWish } from "../client/client-for.ts";
import type { CallerWay } from "../contract/caller-way.ts";
import { readDocument } from "../contract/read-document.ts";
import type { PlannedDocument } from "../core/config/plan.ts";
import type { ActiveNodes } from "../core/config/role-moves.ts";

/** What a plan must know of a running cluster. */
export interface RunningCluster {
  readonly document: PlannedDocument;
  readonly activeNodes: ActiveNodes;
  /** The node that was asked: it would carry a change out. */
  readonly node: string;
  /** Where this command comes from, as that node sees it. */
  readonly caller: CallerWay | undefined;
}

/** Asks a running node for its document, and who is active. Throws ProblemError. */
export async function readRunning(wish: NodeWish): Promise<RunningCluster> {
  const client = await clientFor(wish);
  const [{ text }, { groups }, { node }, { from }] = await Promise.all([
    client.ask("config"),
    client.status(),
    client.ask("config.state"),
    client.ask("session.read"),
  ]);
  const name = "running";
  const { document, problems, notices } = readDocument(text, name);
  if (document === undefined) {
    throw new ProblemError({
      code: "bad-answer",
      message: `this version of tocha does not understand the document that runs: ${problems[0].message}`,
      hint: "Use the same release for this command as on the nodes, or compare files: --against FILE.",
    });
  }
  return {
    document: { name, text, document, notices },
    ...{ node, caller: from },
    activeNodes: Object.fromEntries(groups.map((group) => [group.name, group.activeNode])),
  };
}

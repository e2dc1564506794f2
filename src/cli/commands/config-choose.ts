import { askOnce } from "../../client/ask-once.ts";
import { clientFor } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import type { ForeseenChoice } from "../../contract/config-choice.ts";
import type { TransactionAnswer } from "../../contract/config-operations.ts";
import { listText } from "../../core/config/change-words.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { differenceText, planText } from "../plan-text.ts";
import { type Paper, paperOf } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";
import { type ConfigOptions, settledText } from "./config-apply.ts";

/** All nodes take the document, and roles may be started again one after the other. */
const CHOOSE_LIMIT_MS = 300_000;

/** Plans of large documents. */
const FORESEE_LIMIT_MS = 30_000;

export interface ChooseOptions extends ConfigOptions {
  readonly yes?: boolean;
}

/** Lets the history of one node count, after it has shown what goes away on the others. */
export async function configChoose(
  node: string,
  { output, yes, ...wish }: ChooseOptions,
): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const foreseen = await whileWaiting("planning", foresee(client, node));
  const { id } = foreseen.chosen;
  if (output === "text") process.stdout.write(foreseenText(foreseen, paperOf(process.stdout)));
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const isAsked = isTerminal && output === "text" && yes !== true && foreseen.sides.length > 0;
  if (isAsked && !(await isWanted(foreseen))) {
    process.stdout.write("Nothing was changed.\n");
    return exitStatus.notOk;
  }
  const body = { node, id };
  const chosen = askOnce(client, "config.choose", { body, timeoutMs: CHOOSE_LIMIT_MS });
  const answer = await whileWaiting(`the nodes take the history of ${node}`, chosen);
  return settledText({ ...foreseen, ...(answer as TransactionAnswer) }, output, `of ${node} applies`);
}

async function foresee(client: ControlClient, node: string): Promise<ForeseenChoice> {
  const body = { node, dryRun: true };
  return (await client.ask("config.choose", { body, timeoutMs: FORESEE_LIMIT_MS })) as ForeseenChoice;
}

function foreseenText({ chosen, sides }: ForeseenChoice, paper: Paper): string {
  const parts = sides.map(({ nodes, number, author, at, message, plan }) => {
    const why = message === "" ? "" : `: ${message.split("\n")[0]}`;
    const head = `${listText(nodes)} ${nodes.length === 1 ? "has" : "have"} revision ${number} of ${author}, ${at}${why}`;
    const difference = plan.difference === "" ? "" : `\n${differenceText(plan.difference, paper)}`;
    return `${paper.paint("bold", head)}\nWith revision ${chosen.number} of ${chosen.node}: ${planText(plan, paper)}${difference}\n`;
  });
  if (parts.length === 0) return `All nodes that answer have revision ${chosen.number} of ${chosen.node}.\n`;
  return parts.join("\n");
}

/** Somebody at the terminal has seen what goes away. */
async function isWanted({ chosen, sides }: ForeseenChoice): Promise<boolean> {
  const { askAtTerminal } = await import("../bootstrap/ask.ts");
  const terminal = askAtTerminal(process.stdin, process.stdout);
  try {
    const nodes = listText(sides.flatMap((side) => side.nodes));
    const question = `Shall revision ${chosen.number} of ${chosen.node} apply on ${nodes}? (yes/no)`;
    return (await terminal.ask(question, "no")) === "yes";
  } catch {
    // Ctrl-D and Ctrl-C are no.
    return false;
  } finally {
    terminal.close();
  }
}

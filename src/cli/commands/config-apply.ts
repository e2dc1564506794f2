import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { askOnce } from "../../client/ask-once.ts";
import { author } from "../../client/author.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import { sshCaller } from "../../client/ssh-caller.ts";
import {
  type ApplyAnswer,
  CONFIRM_SECONDS,
  PLAN_LIMIT_MS,
  type TransactionAnswer,
} from "../../contract/config-operations.ts";
import { type HandedDocument, handedDocument } from "../ask-with-document.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { planText } from "../plan-text.ts";
import { paperOf } from "../terminal.ts";
import { APPLY_LIMIT_MS, confirmed, interruptedApply, whenItAnswers } from "../unanswered-change.ts";
import { whileWaiting } from "../waiting.ts";

const SETTLE_LIMIT_MS = 60_000;
/** By then a control role that is to start again has ended (src/daemon/supervisor.ts). */
const STARTS_AGAIN_MS = 700;
const CONFIRMING = "the nodes confirm the change";

export interface ConfigOptions extends NodeWish {
  readonly output: string;
}

export interface ApplyOptions extends ConfigOptions {
  readonly message: string;
  readonly confirmWithin: string;
  readonly confirm: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** Makes the document of a file apply on the whole cluster. */
export async function configApply(file: string, options: ApplyOptions): Promise<ExitStatus> {
  return await applyDocument(await handedDocument(file), options);
}

/** Makes the document of an older revision apply again. */
export async function configRollback(wish: string, options: ApplyOptions): Promise<ExitStatus> {
  const client = await clientFor(options);
  const { text, number } = await client.ask("config.revision", { parameters: { revision: wish } });
  const message = options.message === "" ? `Back to revision ${number}` : options.message;
  return await applyDocument({ text, refused: Promise.reject.bind(Promise) }, { ...options, message });
}

async function applyDocument({ text, refused }: HandedDocument, options: ApplyOptions): Promise<ExitStatus> {
  const confirmSeconds = seconds(options.confirmWithin);
  const client = await clientFor(options).catch(refused);
  const { head, text: running } = await client.ask("config").catch(refused);
  if (options.output === "text" && text !== running) {
    const asked = client.ask("config.plan", { body: { text }, timeoutMs: PLAN_LIMIT_MS }).catch(refused);
    const plan = await whileWaiting("planning", asked);
    process.stdout.write(`${planText(plan, paperOf(process.stdout))}\n`);
  }
  const { message, force = false } = options;
  const body = { text, message, author: author(), base: head?.id ?? null, confirmSeconds, force };
  const made = askOnce(client, "config.apply", { body, timeoutMs: APPLY_LIMIT_MS })
    .catch((error: unknown) => interruptedApply(client, body, error))
    .catch((error: unknown) => {
      // The node has looked whether a change is under way, too.
      if (error instanceof ProblemError && error.problem.code === "no-change") return undefined;
      return refused(error);
    });
  const answer = await whileWaiting("the nodes check the change and make it", made);
  if (answer === undefined) return nothingToDo(head?.number, options);
  if (options.output === "text") process.stdout.write(madeText(answer));
  if (!options.confirm) return told(answer, undefined, options);
  const isAsked = process.stdin.isTTY && process.stdout.isTTY && options.yes !== true;
  if (isAsked && !(await pressed(confirmSeconds, options))) return takenBack(answer, options);
  if (answer.startsAgain) await sleep(STARTS_AGAIN_MS);
  return told(answer, await whileWaiting(CONFIRMING, confirmed(client, answer)), options);
}

function nothingToDo(number: number | undefined, { output }: ApplyOptions): ExitStatus {
  const applies =
    number === undefined ? "the document applies already" : `revision ${number} applies already`;
  process.stdout.write(
    output === "json"
      ? `${JSON.stringify({ number: number ?? null, changed: false })}\n`
      : `nothing to do: ${applies}\n`,
  );
  return exitStatus.ok;
}

/** Keeps what was made. */
export async function configConfirm({ output, ...wish }: ConfigOptions): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const kept = askOnce(client, "config.confirm", { timeoutMs: SETTLE_LIMIT_MS });
  return settledText(await whileWaiting(CONFIRMING, kept), output, "applies");
}

/** Takes it back. */
export async function configRevert({ output, ...wish }: ConfigOptions): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const reverted = askOnce(client, "config.revert", { timeoutMs: APPLY_LIMIT_MS });
  const answer = await whileWaiting("the nodes take the change back", reverted);
  // Whoever asks next shall get an answer.
  await sleep(STARTS_AGAIN_MS);
  await whileWaiting(
    "the node that was asked starts again",
    whenItAnswers(() => client.ask("config.state")),
  );
  return settledText(answer, output, "was taken back");
}

export function settledText(answer: TransactionAnswer, output: string, what: string): ExitStatus {
  if (output === "json") process.stdout.write(`${JSON.stringify(answer)}\n`);
  else {
    const ok = paperOf(process.stdout).paint("green", "ok");
    process.stdout.write(`${ok}  revision ${answer.number} ${what}.\n${problemLines(answer)}`);
  }
  return exitStatus.ok;
}

function madeText({ number, nodes, confirmSeconds }: ApplyAnswer): string {
  const made = nodes.filter(({ state }) => state === "made").map(({ name }) => name);
  const away = nodes.filter(({ state }) => state === "away").map(({ name }) => name);
  const waits =
    away.length === 0 ? "" : `    ${away.join(", ")} did not answer, and follows when it is back.\n`;
  return `revision ${number} is made on ${made.join(", ")}; without a confirmation it is taken back in ${confirmSeconds} s.\n${waits}`;
}

function told(
  answer: ApplyAnswer,
  settled: TransactionAnswer | undefined,
  { output }: ApplyOptions,
): ExitStatus {
  const isConfirmed = settled !== undefined;
  if (output === "json") process.stdout.write(`${JSON.stringify({ ...answer, confirmed: isConfirmed })}\n`);
  else if (isConfirmed) {
    const ok = paperOf(process.stdout).paint("green", "ok");
    process.stdout.write(`${ok}  revision ${answer.number} applies.\n${problemLines(settled)}`);
  } else process.stdout.write("    Keep it: tocha config confirm. Take it back now: tocha config revert.\n");
  return exitStatus.ok;
}

function problemLines({ nodes }: TransactionAnswer): string {
  return nodes
    .flatMap(({ name, problem }) =>
      problem === null ? [] : `    ${name}: ${problem}; it follows when it answers again.\n`,
    )
    .join("");
}

function takenBack({ number, confirmSeconds }: ApplyAnswer, { output }: ApplyOptions): ExitStatus {
  if (output === "text")
    process.stdout.write(`\nNo answer within ${confirmSeconds} s: revision ${number} is taken back.\n`);
  return exitStatus.notOk;
}

/** Whether somebody presses Enter in time: who can, has not been cut off. */
async function pressed(limitSeconds: number, { url = process.env["TOCHA_URL"] }: NodeWish): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  // What is open passes the firewall as before; over the API each question is a connection of its own.
  if ((url ?? "") === "" && sshCaller() !== undefined)
    process.stdout.write("This connection goes on in any case: open a second one first.\n");
  const signal = AbortSignal.timeout(limitSeconds * 1_000);
  try {
    await lines.question("Press Enter to keep it, Ctrl-C to leave it to the clock. ", { signal });
    return true;
  } catch {
    return false;
  } finally {
    lines.close();
  }
}

function seconds(text: string): number {
  const value = Number(text);
  const { least, most } = CONFIRM_SECONDS;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ProblemError({
    code: "bad-usage",
    message: `--confirm-within ${text} is not a number of seconds`,
    hint: `Write a whole number from ${least} to ${most}.`,
  });
}

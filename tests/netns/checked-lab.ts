import { isDeepStrictEqual } from "node:util";
import { nodeNames } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

/** Failing checks of each node, with the words of their last probe. */
export type Failing = Readonly<Record<string, Readonly<Record<string, string>>>>;

const LIMIT_MS = 60_000;

/** A lab whose checks fail, and which of them do. */
export class CheckedLab {
  readonly #lab: TestLab;

  constructor(lab: TestLab) {
    this.#lab = lab;
  }

  /** Frames that these matches of nft tell vanish at the switches, and those of the call before pass again. */
  async dropAtSwitches(...matches: readonly string[]): Promise<void> {
    const drops = matches.map((match) => `${match} drop\n`).join("");
    const chain = `chain forwarded {\ntype filter hook forward priority 0;\n${drops}}\n`;
    const rules = `table bridge lost\ndelete table bridge lost\ntable bridge lost {\n${chain}}\n`;
    await runCommand("ip", ["netns", "exec", this.#lab.namespace("net"), "nft", "-f", "-"], { input: rules });
  }

  /** Waits until exactly these checks of these nodes fail, and all their others are ok. */
  async untilFailing(wanted: Failing): Promise<void> {
    const nodes = Object.keys(wanted);
    let last: unknown;
    await waitFor(
      `the failing checks ${JSON.stringify(wanted)}`,
      async () => {
        // Each is asked for itself: the others may not reach it.
        const found = nodes.map(async (node) => [node, await this.#notOk(node)] as const);
        last = Object.fromEntries(await Promise.all(found));
        return isDeepStrictEqual(last, wanted);
      },
      {
        limitMs: LIMIT_MS,
        explain: () => [JSON.stringify(last), ...nodes.map((node) => this.#lab.log(node))].join("\n"),
      },
    );
  }

  /** Of a check that is pending nothing is known: it must not look like one that is ok. */
  async #notOk(node: string): Promise<Readonly<Record<string, string>> | undefined> {
    const checks = (await this.#lab.tryStatus(node))?.checks;
    if (checks === undefined) return undefined;
    return Object.fromEntries(
      checks
        .filter(({ state }) => state !== "ok")
        .map(({ name, state, words }) => [name, state === "failing" ? words : state]),
    );
  }

  /** What a node says of its failing checks: what is wrong, without for how long, and the command that shows it. */
  async problemsOf(node: string): Promise<[message: string, hint: string | undefined][]> {
    const problems = (await this.#lab.seenBy(node))?.problems ?? [];
    return problems
      .filter((problem) => problem.code === "check-failing" && problem.node === node)
      .map(({ message, hint }) => [message.replace(/ for [0-9.]+ s$/, ""), hint]);
  }

  /** How often a node became active, since the nodes started. */
  get takeovers(): number {
    return nodeNames(this.#lab.settings).reduce((sum, node) => {
      return sum + this.#lab.log(node).split("standby -> active").length - 1;
    }, 0);
  }
}

import { createHash } from "node:crypto";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ForeseenChoice } from "../../contract/config-choice.ts";
import type { ConfigState } from "../../contract/config-operations.ts";
import type { Plan } from "../../contract/config-plan.ts";
import { type PlanOptions, planChange } from "../../core/config/plan.ts";
import type { ActiveNodes } from "../../core/config/role-moves.ts";
import { fittingDifference } from "../../core/config/text-difference.ts";
import { readDocumentOnce } from "../read-document-once.ts";
import type { ClusterConfigOptions } from "./cluster-config.ts";
import { foreseeChoice } from "./foresee-choice.ts";
import { wrongDocument } from "./refused-document.ts";

/** Says what a change would do, with what is known of the running cluster. */
export class ChangePlanner {
  readonly #options: Pick<ClusterConfigOptions, "node" | "status" | "knownUsers">;
  /** Who applies has mostly looked at the plan a moment before. */
  #last: { readonly question: string; readonly plan: Plan } | undefined;

  constructor(options: Pick<ClusterConfigOptions, "node" | "status" | "knownUsers">) {
    this.#options = options;
  }

  /** @returns what the text would change, for whoever asks from there */
  async plan(
    { text, name }: { readonly text: string; readonly name: string },
    caller: CallerWay | undefined,
  ): Promise<Plan> {
    const { settings, text: running } = this.#options.node;
    const after = readDocumentOnce(text, name);
    if (after.document === undefined) throw wrongDocument(after.problems, name);
    const { notices } = readDocumentOnce(running, "running");
    const known = await this.#known();
    const question = createHash("sha256")
      .update(JSON.stringify([running, text, name, known, caller ?? null]))
      .digest("hex");
    if (this.#last?.question === question) return this.#last.plan;
    const made = planChange({
      before: { name: "running", text: running, document: settings.document, notices },
      after: { ...after, name, text },
      ...{ ...known, caller, carrying: settings.node },
    });
    const plan = { ...made, difference: fittingDifference(made.difference) };
    this.#last = { question, plan };
    return plan;
  }

  /** Of histories that went apart: what goes away if that of a node counts. */
  async choice(
    chosen: string,
    states: ReadonlyMap<string, ConfigState>,
    caller: CallerWay | undefined,
  ): Promise<ForeseenChoice> {
    const { settings, store } = this.#options.node;
    const known = await this.#known();
    return await foreseeChoice(chosen, { own: settings.node, store, states, ...known, caller });
  }

  async #known(): Promise<Required<Pick<PlanOptions, "knownUsers">> & { readonly activeNodes: ActiveNodes }> {
    const { groups } = await this.#options.status();
    const activeNodes = Object.fromEntries(groups.map(({ name, activeNode }) => [name, activeNode]));
    return { activeNodes, knownUsers: this.#options.knownUsers() };
  }
}

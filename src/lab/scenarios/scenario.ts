import type { LabSettings } from "../lab-plan.ts";
import type { Fault } from "../node-power.ts";

/** What a fault may use and must know. */
export interface FaultContext {
  readonly settings: LabSettings;
  /** The node that holds the addresses before this step. */
  readonly active: string;
  /** The node that held them when the scenario began. */
  readonly first: string;
  /** Cables are cut without carrier loss. */
  readonly silent: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One thing that happens, and what must follow from it. */
export interface ScenarioStep {
  readonly name: string;
  /** For people: what happens now. */
  readonly says: (context: FaultContext) => string;
  readonly act: (context: FaultContext) => Promise<Fault>;
  /** Whether the addresses must move to another node, or must not move at all. */
  readonly expects: "move" | "stay";
  /** The time within which they must have moved; the least is what a few intervals take. */
  readonly limitMs: number;
  /** Whether the node that loses the addresses has lost its power: what stands in its kernel then counts no more. */
  readonly powerFails?: boolean;
  /** Brings the lab back to health after the verdict. */
  readonly repair?: (context: FaultContext) => Promise<void>;
}

export interface Scenario {
  readonly name: string;
  /** One line for the help. */
  readonly title: string;
  readonly preempt: boolean;
  readonly steps: readonly ScenarioStep[];
}

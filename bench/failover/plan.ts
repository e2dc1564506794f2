import type { ContenderName, FailoverBenchOptions } from "./failover-options.ts";
import type { ScenarioName } from "./failover-run.ts";

/** One thing that is measured again and again. */
export interface Cell {
  readonly contender: ContenderName;
  readonly scenario: ScenarioName;
  readonly flows: number;
}

/** Everything that one round measures, in order. A large table matters where the power fails; the rest is measured without. */
export function planRound(
  options: Pick<FailoverBenchOptions, "parts" | "scenarios" | "contenders" | "flows" | "flowsTocha">,
): readonly Cell[] {
  const { parts, scenarios, contenders, flows, flowsTocha } = options;
  if (!parts.includes("takeover")) return [];
  return scenarios.flatMap((scenario) =>
    contenders.flatMap((contender): Cell[] => {
      // A planned switchover is more than an end in order, which keepalived knows.
      if (scenario === "switchover" && contender.startsWith("keepalived")) return [];
      // What the fastest setting changes is how a death is noticed; with many addresses the taking is longer.
      const variant = contender === "tocha-fastest" || contender === "tocha-many";
      if (scenario !== "power-off" && variant) return [];
      const isPlain = scenario !== "power-off" || contender === "tocha-many";
      const tables = isPlain ? [0] : contender === "tocha" ? [...flows, ...flowsTocha] : flows;
      return [...new Set(tables)].map((count) => ({ contender, scenario, flows: count }));
    }),
  );
}

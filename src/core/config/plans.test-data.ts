import type { Plan } from "../../contract/config-plan.ts";
import { type Edit, edited, parsed } from "./changes.test-data.ts";
import { type PlanOptions, planChange } from "./plan.ts";
import { planSentences } from "./plan-sentences.ts";

/** Two gateways as most people have them. */
export const pairDocument = `cluster: campus
nodes:
  gw1:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.2/24] }
      wan: { device: eth1, addresses: [192.0.2.2/24] }
      sync: { device: eth2, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.3/24] }
      wan: { device: eth1, addresses: [192.0.2.3/24] }
      sync: { device: eth2, addresses: [10.255.0.2/24] }
groups:
  main:
    virtualRouterId: 51
    priorities: { gw1: 110, gw2: 100 }
    addresses:
      lan: [10.1.0.1/24]
      wan: [192.0.2.1/24, 192.0.2.5/24]
nat:
  source:
    - { id: office, from: 10.1.0.0/25, out: wan, to: 192.0.2.1 }
    - { id: lab, from: 10.1.0.128/25, out: wan, to: 192.0.2.5 }
replication: { interface: sync }
`;

export function planOf(
  text: string,
  edits: readonly Edit[],
  known: Pick<PlanOptions, "activeNodes" | "caller" | "carrying" | "knownUsers"> = {},
): Plan {
  const after = edited(text, ...edits);
  return planChange({
    before: { name: "old.yaml", text, document: parsed(text) },
    after: { name: "new.yaml", text: after, document: parsed(after) },
    ...known,
  });
}

/** A plan as lines: what is done, then what is warned of and refused. */
export function planLines(plan: Plan): string[] {
  return [
    ...planSentences(plan),
    ...plan.warnings.map(({ code, message }) => `warning ${code}: ${message}`),
    ...plan.refusals.map(({ code, message }) => `refused ${code}: ${message}`),
  ];
}

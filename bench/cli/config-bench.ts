import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlClient } from "../../src/client/control-client.ts";
import { isWell, waitForCluster } from "../../src/lab/cluster-view.ts";
import { labDown, labUp } from "../../src/lab/lab.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { nodeNames } from "../../src/lab/lab-plan.ts";
import { measured, runsAsked, sayMachine, sayTimes } from "./command-times.ts";

/** Of a small change on two nodes, until it is confirmed on both (docs/benchmarks.md). */
const APPLY_MS_MAX = 1_000;
const WELL_LIMIT_MS = 60_000;
/** The same where the document has 1,000 rules of a firewall and 10,000 elements of sets. */
const LARGE_APPLY_MS_MAX = 2_000;
const RULES = 1_000;
const ELEMENTS = 10_000;

/** How long `tocha config apply` takes for one rule more or less, in a cluster of two nodes that serve. Needs root. */
export async function configBench(args: readonly string[]): Promise<void> {
  const runs = runsAsked(args);
  const folder = mkdtempSync(join(tmpdir(), "tocha-bench-config-"));
  const { settings } = await labUp({ name: `bc${process.pid}` }, { owned: true });
  try {
    const { activeNode } = await waitForCluster(settings, isWell, {
      limitMs: WELL_LIMIT_MS,
      until: "one node is active and the others are complete",
    });
    const socketOf = (node: string) => controlSocket(settings.name, node);
    const { text } = await new ControlClient(socketOf(activeNode ?? "")).ask("config");
    sayMachine(runs);
    /** Two documents by turns: each run changes one rule. */
    const say = (what: string, node: string, pair: readonly [string, string], limitMs: number) => {
      const role = node === activeNode ? "active" : "standby";
      let changes = 0;
      const apply = () => {
        const file = join(folder, "document.yaml");
        writeFileSync(file, pair[changes++ % 2] ?? "");
        return ["config", "apply", file, "--socket", socketOf(node)];
      };
      sayTimes(`config apply, ${what}, asked of the ${role}`, measured(runs, apply), limitMs);
    };
    for (const node of nodeNames(settings)) {
      say("one rule", node, [withRule(text, node), text], APPLY_MS_MAX);
      const status = measured(runs, () => ["status", "--socket", socketOf(node)]);
      sayTimes(`status, asked of the ${node === activeNode ? "active" : "standby"}`, status);
    }
    const large = text + largeFirewall();
    for (const node of nodeNames(settings))
      say(`one of ${RULES} rules`, node, [large, withRule(large, node)], LARGE_APPLY_MS_MAX);
  } finally {
    await labDown(settings.name);
    rmSync(folder, { recursive: true, force: true });
  }
}

function withRule(text: string, id: string): string {
  const rule = `    - { id: ${id}, from: 198.18.0.0/24, out: wan, to: masquerade }\n`;
  return text.replace("  source:\n", `  source:\n${rule}`);
}

function largeFirewall(): string {
  const elements = Array.from(
    { length: ELEMENTS },
    (_, i) => `10.${100 + (i >> 14)}.${(i >> 6) & 0xff}.${(i & 63) * 4}`,
  );
  const rules = Array.from(
    { length: RULES },
    (_, i) =>
      `      - { id: r${i}, to: 198.19.${i >> 8}.${i & 0xff}, protocol: tcp, ports: 443, action: drop }`,
  );
  return [
    ...["sets:", `  listed: { elements: [${elements.join(", ")}] }`, "firewall:", "  forward:", "    rules:"],
    "      - { id: listed, to: '@listed', action: drop }",
    ...[...rules, ""],
  ].join("\n");
}

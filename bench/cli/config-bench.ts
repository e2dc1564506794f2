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
const RULE = "    - { id: bench, from: 198.18.0.0/24, out: wan, to: masquerade }\n";

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
    const documents = [text.replace("  source:\n", `  source:\n${RULE}`), text];
    const files = documents.map((document, number) => {
      const file = join(folder, `${number}.yaml`);
      writeFileSync(file, document);
      return file;
    });
    sayMachine(runs);
    let changes = 0;
    for (const node of nodeNames(settings)) {
      const asked = ["--socket", socketOf(node)];
      const role = node === activeNode ? "active" : "standby";
      const apply = () => ["config", "apply", files[changes++ % files.length] ?? "", ...asked];
      sayTimes(`config apply, asked of the ${role}`, measured(runs, apply), APPLY_MS_MAX);
      const status = () => ["status", ...asked];
      sayTimes(`status, asked of the ${role}`, measured(runs, status));
    }
  } finally {
    await labDown(settings.name);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The promise of the project, in each scenario: real traffic, a real fault, and no established connection lost. Needs root. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { labDown } from "../../../src/lab/lab.ts";
import { scenarios } from "../../../src/lab/scenarios/all-scenarios.ts";
import { runScenario } from "../../../src/lab/scenarios/run-scenario.ts";

const CONNECTIONS = 500;
const BACKGROUND_FLOWS = 100_000;
const name = `scenario-${process.pid}`;

after(async () => {
  await labDown(name);
});

for (const { name: scenario, title } of scenarios) {
  test(`${scenario}: ${title}`, async (context) => {
    const report = await runScenario(scenario, {
      name,
      connections: CONNECTIONS,
      backgroundFlows: BACKGROUND_FLOWS,
      log: (line) => context.diagnostic(line),
    });
    // What was measured is told; how fast it has to be is for the benchmarks, not for tests.
    context.diagnostic(`takeover ${report.takeoverMs} ms, UDP gap ${report.udpGapMs} ms`);
    assert.deepEqual(report.failures, []);
    assert.equal(report.survived, CONNECTIONS);
    assert.equal(report.lost, 0);
    assert.equal(report.corrupted, 0);
    assert.equal(report.backgroundSurvived, BACKGROUND_FLOWS);
    // Half of the connections share their port with another host: only a mirrored translation brings them through.
    assert.ok(report.portsChanged >= CONNECTIONS / 4, `${report.portsChanged} ports were translated`);
    assert.ok(report.ipv6Connections > 0);
  });
}

/** Two failover groups, so that each node protects the other: handovers, and power failures of either. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import { assertTablesEqual } from "./table-equality.ts";
import { CONNECTIONS, HOME, labOfTwoGroups, untilActive } from "./two-groups-lab.ts";

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  lab = await labOfTwoGroups();
  await untilActive(lab, HOME);
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

test("a group that is handed over takes its flows along; the other stays", async () => {
  const tocha = new ControlClient(controlSocket(lab.name, "gw2"));
  await assert.rejects(tocha.switchover(), /several failover groups: gateway, second/);
  await assert.rejects(tocha.switchover({ group: "third" }), /no failover group third/);
  await streams.mark();
  assert.deepEqual(await tocha.switchover({ group: "gateway" }), {
    ...{ ok: true, group: "gateway", from: "gw1", to: "gw2" },
  });
  const status = await lab.seenBy("gw2");
  assert.deepEqual(
    status?.groups.map(({ activeNode }) => activeNode),
    ["gw2", "gw2"],
  );
  await assertAllGoOn(lab, streams, CONNECTIONS);
  // It prefers gw1, which has preemption on, and gets it back when gw1 has every connection.
  await untilActive(lab, HOME);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  await assertTablesEqual(lab, "gw1", "gw2");
});

for (const [dead, survivor] of [
  ["gw1", "gw2"],
  ["gw2", "gw1"],
] as const) {
  test(`the power of ${dead} fails: all connections of both groups go on through ${survivor}, and back again`, async () => {
    await untilActive(lab, HOME);
    await assertTablesEqual(lab, "gw1", "gw2");
    await streams.mark();
    await powerOff(lab.name, dead);
    await waitFor(
      `${survivor} to be active for both groups`,
      async () => {
        const { groups } = await lab.status(survivor);
        return groups.every(({ role, complete }) => role === "active" && complete);
      },
      { explain: () => lab.log(survivor) },
    );
    await assertAllGoOn(lab, streams, CONNECTIONS);
    await powerOn(lab.name, dead);
    await untilActive(lab, HOME);
    await assertAllGoOn(lab, streams, CONNECTIONS);
    await assertTablesEqual(lab, "gw1", "gw2");
  });
}

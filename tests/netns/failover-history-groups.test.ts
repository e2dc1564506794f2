import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { gapUs } from "../../src/contract/failover-history.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { CONNECTIONS, HOME, labOfTwoGroups, untilActive } from "./two-groups-lab.ts";

// A node that works for one group already takes over another: what it forwards for the first is no packet of the second.

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

test("each group has its own history, and its own first packet", async () => {
  const [moved, stays] = Object.keys(HOME);
  assert.ok(moved !== undefined && stays !== undefined);
  const client = new ControlClient(controlSocket(lab.name, "gw1"));
  const entriesOf = (group: string) => lab.history("gw1", { group });
  // The streams themselves are the first packets since each group began, and these are written down a little later.
  const untouched = await waitFor("the first packet of the group that stays", async () => {
    const entries = await entriesOf(stays);
    const newest = entries.find(({ to }) => to === "active");
    return newest?.stamps.some(({ what }) => what === "first-packet") ? entries : undefined;
  });
  const { to, from } = await client.switchover({ group: moved });
  const taken = await waitFor(
    "the first packet of the group",
    async () => {
      const newest = (await entriesOf(moved)).find(({ node }) => node === to);
      return newest?.to === "active" && gapUs(newest) !== undefined ? newest : undefined;
    },
    { explain: () => lab.log(to).slice(-2_000) },
  );
  assert.deepEqual([taken.kind, taken.other, taken.group], ["resignation", from, moved]);
  assert.deepEqual(await entriesOf(stays), untouched, "the other group has not moved");
  const group = await waitFor("why to tell of both nodes, with an answer of each", async () => {
    const told = (await client.why()).groups.find(({ name }) => name === stays);
    return told?.sinceSeconds !== null && told?.ifActiveDied.node !== null ? told : undefined;
  });
  assert.deepEqual([group.activeNode, group.ifActiveDied.node], [to, from]);
});

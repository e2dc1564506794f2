import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AddressEvent } from "../../../src/lab/address-timeline.ts";
import { readKeepalivedLog, takeoversSeen } from "./role-changes.ts";

const addresses = ["10.1.0.1/24", "192.0.2.1/24"];

function moves(...list: readonly (readonly [atMs: number, node: string, present: boolean])[]) {
  return list.flatMap(([atMs, node, present]): AddressEvent[] =>
    addresses.map((address) => ({ atMs, node, address, present })),
  );
}

describe("takeovers in the nodes' kernels", () => {
  const begin = moves([0, "gw1", true]);

  it("are none while the addresses stand where they stood", () => {
    assert.deepEqual(takeoversSeen(begin, { addresses, fromMs: 100 }), []);
    assert.deepEqual(takeoversSeen(begin, { addresses, fromMs: 0 }), [0]);
  });

  it("are counted each way, also where the other node has not given way", () => {
    const events = [...begin, ...moves([200, "gw2", true], [210, "gw1", false], [300, "gw1", true])];
    assert.deepEqual(takeoversSeen(events, { addresses, fromMs: 100 }), [200, 300]);
    assert.deepEqual(takeoversSeen(events, { addresses, fromMs: 250 }), [300]);
  });

  it("are not counted where a node got one address only, or got one again", () => {
    const half = moves([200, "gw2", true]).slice(0, 1);
    assert.deepEqual(takeoversSeen([...begin, ...half], { addresses, fromMs: 100 }), []);
    assert.deepEqual(takeoversSeen([...begin, ...moves([200, "gw1", true])], { addresses, fromMs: 100 }), []);
  });
});

describe("keepalived's log", () => {
  it("tells of one instance", () => {
    const log = `Thu Nov 26 01:00:00 2026: (lan) Entering BACKUP STATE (init)
Thu Nov 26 01:00:01 2026: (lan) Entering MASTER STATE
Thu Nov 26 01:00:01 2026: (wan) Entering MASTER STATE
Thu Nov 26 01:00:02 2026: (lan) Received advert from 10.1.0.3 with lower priority 100, ours 150, forcing new election
Thu Nov 26 01:00:03 2026: (lan) Master received advert from 10.1.0.2 with higher priority 150, ours 100
Thu Nov 26 01:00:03 2026: (lan) received lower priority (100) advert from 10.1.0.3 - discarding
Thu Nov 26 01:00:03 2026: (lan) Entering BACKUP STATE
`;
    assert.deepEqual(readKeepalivedLog(log, "lan"), { becameMaster: 1, becameBackup: 2, conflicts: 2 });
    assert.deepEqual(readKeepalivedLog(log, "wan"), { becameMaster: 1, becameBackup: 0, conflicts: 0 });
  });
});

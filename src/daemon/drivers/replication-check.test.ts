import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReplicatorReport, StreamReport } from "../role-report.ts";
import { replicationCheck } from "./replication-check.ts";

function stream(peer: string, some: Partial<StreamReport> = {}): StreamReport {
  return {
    ...{ peer, direction: "to", connected: true, state: "live", complete: true },
    ...{ records: 0, bytes: 0, lagRecords: 0, lagMs: 0, resyncs: {} },
    ...some,
  };
}

function report(groups: Record<string, boolean>, streams: readonly StreamReport[]): ReplicatorReport {
  return {
    ...{ role: "replicator", complete: true, groups, streams, overruns: 0, missingKinds: [] },
    injected: { created: 0, updated: 0, deleted: 0, kept: 0, replaced: 0, absent: 0 },
    ...{ refused: {}, notProtected: 0, notProtectedByGroup: {}, purged: 0, malformed: 0, streamsRefused: 0 },
  };
}

describe("the check of replication", () => {
  it("asks of the active whether another node has everything, connected as it is", () => {
    const active = (...streams: StreamReport[]) => {
      const { good, words } = replicationCheck(report({ gateway: true }, streams), "gateway", true);
      return `${good} ${words}`;
    };
    const cut = stream("gw2", { connected: false });
    const copying = stream("gw3", { complete: false });
    assert.equal(active(stream("gw2"), copying), "true gw2 holds every connection");
    assert.equal(active(stream("gw2"), stream("gw3")), "true gw2 and gw3 hold every connection");
    assert.equal(active(cut, copying), "false no other node holds every connection");
    // What comes from another node protects nothing of this one.
    assert.equal(
      active(cut, stream("gw3", { direction: "from" })),
      "false no other node holds every connection",
    );
    assert.equal(active(), "true there is no other node");
  });

  it("asks of others whether they have everything of the group themselves", () => {
    const other = (group: string) => {
      const streams = [stream("gw1", { direction: "from" }), stream("gw3")];
      const { good, words } = replicationCheck(report({ first: true, second: false }, streams), group, false);
      return `${good} ${words}`;
    };
    assert.equal(other("first"), "true this node holds every connection");
    assert.equal(other("second"), "false this node does not hold every connection");
  });

  it("fails where the replicator does not answer", () => {
    for (const active of [true, false]) {
      const result = replicationCheck(undefined, "gateway", active);
      assert.deepEqual(result, { good: false, words: "the replicator does not answer" });
    }
  });
});

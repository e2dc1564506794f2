import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../contract/status.test-data.ts";
import { clusterStatusSchema } from "../contract/status.ts";
import { isProtected, summarizeSync, syncText } from "./sync-text.ts";
import { plainPaper } from "./terminal.ts";

describe("syncText", () => {
  it("shows a healthy cluster: sentences first, then a table", () => {
    const status = healthyStatus();
    status.nodes[0]!.replication.streams[0]!.resyncs = { joined: 1, refresh: 12, overrun: 0 };
    const expected = `
campus PROTECTED
gw1 is active with 102,334 connections in its table.
gw2 holds every connection that is mirrored, and nothing is on its way.
By design, connections in the middle of their handshake and single exchanges are
not mirrored: "tocha connections list --mirrored no" shows them.

NODE  STREAM    STATE  LAG  AGE  RECORDS  BYTES  COPIES      REFUSED
gw1   to gw2    live     0  0ms     1.2M     41  joined 1    -
                                                 refresh 12
gw1   from gw2  idle     0  0ms        0     41  -           -
gw2   to gw1    idle     0  0ms        0     41  -           -
gw2   from gw1  live     3  2ms     1.2M     41  -           -
`;
    assert.equal(`\n${syncText(status, plainPaper)}`, expected);
    assert.equal(isProtected(status), true);
  });

  it("says what is on its way", () => {
    const status = healthyStatus();
    Object.assign(status.nodes[0]!.replication.streams[0]!, { lagRecords: 1, lagMs: 3 });
    assert.deepEqual(
      summarizeSync(status).sentences[1],
      "gw2 holds every connection that is mirrored, but for 1 record on the way, the oldest for 3ms.",
    );
  });

  it("says what comparisons found, and how far a pass is", () => {
    const status = healthyStatus();
    const sweeps = {
      ended: 12,
      bucketsDiffering: 0,
      flowsMended: 0,
      flowsPurged: 0,
      timersRefreshed: 9,
      resumed: 0,
      periodMs: 60_000,
    };
    const stream = status.nodes[0]!.replication.streams[0]!;
    Object.assign(stream, { sweeps });
    assert.equal(
      summarizeSync(status).sentences[2],
      "The tables were compared with gw2 12 times (every 1m 0s): they were equal.",
    );
    Object.assign(stream, {
      sweeps: { ...sweeps, bucketsDiffering: 3, flowsMended: 5, flowsPurged: 2 },
      pass: { what: "compare", seen: 25_000, total: 100_000 },
    });
    assert.deepEqual(summarizeSync(status).sentences.slice(2), [
      "The tables were compared with gw2 12 times (every 1m 0s): 3 parts differed; 5 connections sent anew, 2 removed there.",
      "The table is being compared with gw2: 25,000 of about 100,000 (25%).",
    ]);
  });

  it("says what is not protected, and why", () => {
    const status = healthyStatus();
    const [gw1, gw2] = status.nodes;
    Object.assign(gw2!, { flows: 1_040_000 });
    Object.assign(gw2!.replication, { complete: false });
    Object.assign(gw1!.replication, { overruns: 2 });
    Object.assign(gw1!.replication.streams[0]!, { state: "copying" });
    gw2!.replication.streams[1]!.refused = { "create ENOMEM": 12, "update EBUSY": 0 };
    assert.deepEqual(summarizeSync(status).unprotected, [
      "gw2 does not hold every connection: the stream to it is copying.",
      "The kernel of gw2 has refused connections (create ENOMEM: 12): they would be lost.",
      "The table of gw2 is nearly full (1,040,000 of 1,048,576): raise net.netfilter.nf_conntrack_max there.",
      "The kernel of gw1 dropped events 2 times, for they were not read fast enough; each time the table was compared or copied again.",
    ]);
    assert.equal(isProtected(status), false);
    assert.match(syncText(status, plainPaper), /^campus NOT PROTECTED\n[\s\S]*^! gw2 does not hold/m);
    for (const line of syncText(status, plainPaper).split("\n")) assert.ok(line.length <= 80, line);
  });

  it("does not count a past overrun as a lack of protection", () => {
    const status = healthyStatus();
    status.nodes[0]!.replication.overruns = 1;
    assert.equal(isProtected(status), true);
  });

  it("knows nothing of a node that does not answer, and nobody protects without an active node", () => {
    assert.deepEqual(summarizeSync(degradedStatus()).unprotected, [
      "gw1 does not answer: what it holds is not known.",
    ]);
    assert.equal(isProtected(degradedStatus()), false);
    const nobody = {
      ...{ ...healthyStatus(), activeNode: null, summary: "no node is active" },
      groups: [{ name: "gateway", activeNode: null }],
    };
    assert.deepEqual(summarizeSync(nobody).unprotected, ["No single node is active: no node is active."]);
    assert.equal(isProtected(nobody), false);
    const [alone] = healthyStatus().nodes;
    assert.equal(isProtected({ ...healthyStatus(), nodes: [alone!] }), false);
  });

  it("tells of each group, and is protected only when all are", () => {
    const status = bothActiveStatus();
    assert.equal(isProtected(status), true);
    assert.deepEqual(
      summarizeSync(status).sentences.filter((sentence) => sentence.includes("is active with")),
      [
        "campus: gw1 is active with 102,334 connections in its table.",
        "guests: gw2 is active with 102,330 connections in its table.",
      ],
    );
    const guests = status.nodes[0]?.groups[1];
    assert.ok(guests !== undefined);
    guests.complete = false;
    assert.equal(isProtected(status), false);
    assert.deepEqual(summarizeSync(status).unprotected.slice(0, 1), [
      "guests: gw1 does not hold every connection: the stream to it is idle.",
    ]);
  });

  it("shows by name what a newer node says beyond what this version knows", () => {
    const status = healthyStatus();
    const { streams } = status.nodes[1]!.replication;
    Object.assign(streams[1]!, { ring: { bytes: 65_536, used: 3 }, version: "2" });
    Object.assign(status.nodes[1]!.replication, { divergence: 0.5 });
    const seen = clusterStatusSchema.parse(JSON.parse(JSON.stringify(status)));
    const text = syncText(seen, plainPaper);
    const expected = `
NODE  STREAM    FIGURE      VALUE
gw2             divergence  0.5
gw2   from gw1  ring.bytes  65,536
gw2   from gw1  ring.used   3
gw2   from gw1  version     2
`;
    assert.ok(text.endsWith(expected), text);
  });
});

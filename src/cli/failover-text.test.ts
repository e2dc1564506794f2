import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { handoverEntry, takeoverEntry } from "../contract/failover-history.test-data.ts";
import { exampleWhy } from "../contract/failover-why.test-data.ts";
import { historyItemText, historyText } from "./history-text.ts";
import { plainPaper } from "./terminal.ts";
import { whyText } from "./why-text.ts";

const paper = { ...plainPaper, unicode: false };
const widthOf = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

describe("historyText", () => {
  it("shows one change a row, within 80 columns", () => {
    const expected = `
ID      TIME (UTC)          CHANGE                GAP  CAUSE
gw2-17  08-01 10:00:00.313  standby > active  315.2ms  gw1 was silent for 313 ms
                                                       on every path
gw1-9   08-01 10:00:00.307  active > standby        -  it handed over to gw2:
                                                       kernel update
! gw3 did not answer: what it remembers is missing.
`;
    const text = historyText(
      { entries: [takeoverEntry(), handoverEntry()], unreachable: ["gw3"] },
      plainPaper,
    );
    assert.equal(`\n${text}`, expected);
  });

  it("names the group where there are several", () => {
    const entries = [takeoverEntry(), handoverEntry({ group: "guests" })];
    const text = historyText({ entries, unreachable: [] }, plainPaper);
    assert.match(text, /^ID +TIME \(UTC\) +GROUP +CHANGE/);
    assert.match(text, /guests {3}active > standby/);
    assert.equal(
      historyText({ entries: [], unreachable: [] }, plainPaper),
      "No change of role is remembered.\n",
    );
  });
});

describe("historyItemText", () => {
  it("draws the timeline of a takeover, counted from the last sign of the old active", () => {
    const item = { entry: takeoverEntry(), related: [handoverEntry()], unreachable: [] };
    const expected = `
gw2-17  gw2: standby > active in group gateway, 2026-08-01T10:00:00.313Z
gw1 was silent for 313 ms on every path.

   -0.750ms              |*                    |  gw1 was heard last on sync
    0.000ms    +0.750ms  |*                    |  gw1 was heard last on lan
  312.500ms  +312.500ms  |--------------------*|  its time was up
  312.619ms    +0.119ms  |                    *|  noticed
  312.769ms    +0.150ms  |                    *|  decided
  312.933ms    +0.164ms  |                    *|  pulses sent
  313.375ms    +0.442ms  |                    *|  addresses in the kernel
  314.174ms    +0.799ms  |                    *|  addresses announced
  314.556ms    +0.382ms  |                    *|  advertisements sent
  314.598ms    +0.042ms  |                    *|  replicator and control told
  315.219ms    +0.621ms  |                    *|  first packet forwarded, by wan

What was known
  this node: priority 100; rules in place; every connection; lan up, wan up
  gw1: active, priority 110, every connection; silent for: sync 313.4ms, lan
    312.6ms, wan never
Takeover: 314.174ms from the last sign of gw1 to the announcements.
Gap: 315.219ms to the first packet that was forwarded: no outage was longer.
also  gw1-9 gw1: active > standby (6ms before, by its own clock): it handed over
      to gw2: kernel update
`;
    const text = historyItemText(item, paper);
    assert.equal(`\n${text}`, expected);
    assert.ok(widthOf(text) <= 80);
  });

  it("draws in the terminal's own signs, and wider where there is room", () => {
    const item = { entry: handoverEntry(), related: [], unreachable: [] };
    const text = historyItemText(item, { ...paper, unicode: true, width: 120 });
    assert.match(text, /^ {2}0\.000ms {12}│● +│ {2}the standby is brought up to date$/m);
    assert.match(text, /^ {2}1\.900ms {2}\+1\.900ms {2}│─{35,}● +│ {2}the standby has everything$/m);
    assert.ok(widthOf(text) > 80 && widthOf(text) <= 120);
  });

  it("shows colours only where the paper has them", () => {
    const item = { entry: takeoverEntry(), related: [], unreachable: [] };
    const coloured = historyItemText(item, { ...paper, paint: (style, text) => `<${style}>${text}</>` });
    assert.match(coloured, /-<yellow>\*<\/><dim>\|<\/> {2}its time was up/);
    assert.equal(coloured.replaceAll(/<[a-z/]*>/g, ""), historyItemText(item, paper));
  });

  it("knows nothing of stamps that a newer node has, but shows them", () => {
    const entry = takeoverEntry({ stamps: [{ what: "tide", path: "lan", atUs: 1 }] });
    const text = historyItemText({ entry, related: [], unreachable: [] }, paper);
    assert.match(text, /^ {2}0\.000ms {4}\|\* +\| {2}tide on lan$/m);
  });
});

describe("whyText", () => {
  it("explains in sentences, within 80 columns", () => {
    const expected = `
gateway  gw2
  gw2 has been active for 1m 1s: gw1 was silent for 313 ms on every path. It
  held every connection.
  See: tocha failover history show gw2-17
Why not another node?
  gw1 ranks higher (priority 110, gw2 has 100), but preempt is off: who comes
  back stays standby. "tocha switchover --to gw1" makes it active.
If gw2 died now
  gw1 would take over within 313ms of the active's last sign on any path.
`;
    assert.equal(`\n${whyText(exampleWhy(), plainPaper)}`, expected);
  });

  it("says that nobody is active", () => {
    const [group] = exampleWhy().groups;
    assert.ok(group !== undefined);
    const none = { ...group, activeNode: null, historyId: null, others: [] };
    const text = whyText({ ...exampleWhy(), groups: [none] }, plainPaper);
    assert.match(text, /^gateway {2}no single active node\n[\s\S]*\nWhat next\?\n/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../contract/status.test-data.ts";
import { statusText } from "./status-text.ts";
import { plainPaper, wrap } from "./terminal.ts";

describe("statusText", () => {
  it("shows a healthy cluster within 80 columns", () => {
    const expected = `
campus OK  gw1 is active, gw2 is ready with every connection

NODE  ROLE      SINCE  ADDRESSES         FLOWS  REPLICATION
gw1   active   3h 20m  10.1.0.1/24     102,334  to gw2: live, lag 0
                       fd00:1::1/64               1.2M records
                       192.0.2.1/24
                       2001:db8::1/64
gw2   standby   2h 5m  -               102,330  complete
                                                from gw1: live, lag 3 (2ms)
                                                  1.2M records

PATHS          SYNC  LAN  WAN
gw1 hears gw2  yes   yes  yes
gw2 hears gw1  yes   yes  yes
`;
    assert.equal(`\n${statusText(healthyStatus(), plainPaper)}`, expected);
  });

  it("shows several groups in a table of their own", () => {
    const text = statusText(bothActiveStatus(), plainPaper);
    const table = `
GROUP   GW1                GW2
campus  active             standby, complete
guests  standby, complete  active
`;
    assert.ok(text.includes(table), text);
    assert.match(text, /^campus OK {2}campus is active on gw1, guests is active on gw2/);
  });

  it("shows every check of every node, and who is set aside", () => {
    const status = healthyStatus();
    const check = (state: string, words: string, more: object = {}) => ({
      ...{ group: "gateway", name: "upstream", kind: "ping", state, words, sinceSeconds: 62, weight: 0 },
      ...{ failure: "", veto: true, heldSeconds: null, flaps: 0, try: "ping 198.51.100.1" },
      ...more,
    });
    const long = "exit status 1 (the name server of the campus knows no answer, as so often on Mondays)";
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    gw1.checks = [check("ok", "198.51.100.1 answers"), check("failing", long, { name: "dns" })];
    gw2.checks = [
      check("failing", "198.51.100.1 answers", { heldSeconds: 7 }),
      check("pending", "", { name: "dns" }),
    ];
    gw2.maintenance = { by: "ana@gw1", reason: "new disk", since: "2026-08-01T09:00:00.000Z" };
    const text = statusText(status, plainPaper);
    const table = `
CHECK     NODE  STATE    SINCE  LAST WORDS
upstream  gw1   ok       1m 2s  198.51.100.1 answers
upstream  gw2   held     1m 2s  198.51.100.1 answers
dns       gw1   failing  1m 2s  exit status 1 (the name server of the campus
                                knows no answer, as so often on Mondays)
dns       gw2   pending  1m 2s  no answer yet
`;
    assert.ok(text.endsWith(table), text);
    assert.match(text, /^gw2 +standby +2h 5m .*\n +set aside +from gw1/m);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("shows what is wrong and what helps", () => {
    const expected = `
campus DEGRADED  gw2 is active, and no standby could take over its connections

NODE  ROLE     SINCE  ADDRESSES       FLOWS  REPLICATION
gw1   unknown      -  ?                   -  ?
gw2   active      7s  10.1.0.1/24   102,330  to gw1: not connected
                      192.0.2.1/24

PATHS          SYNC        LAN         WAN
gw1 hears gw2  ?           ?           ?
gw2 hears gw1  not for 7s  not for 7s  not for 7s

error: gw1: gw1 does not answer over the sync network [node-unreachable]
  -> Is gw1 switched on? On gw1: systemctl status tocha, or start it: tocha run
     --config cluster.yaml --node gw1
`;
    assert.equal(`\n${statusText(degradedStatus(), plainPaper)}`, expected);
  });

  it("shows what a node hears that cannot be asked, as far as its pulses tell", () => {
    const status = healthyStatus();
    const [gw1, gw2] = status.nodes;
    const paths = gw1?.peers[0]?.paths;
    assert.ok(gw2 !== undefined && paths !== undefined);
    Object.assign(gw2, { reachable: false, role: "unknown", peers: [], groups: [] });
    Object.assign(paths[1]!, { alive: false, lastHeardMs: null });
    Object.assign(paths[2]!, { heardByPeer: false });
    const table = `
PATHS          SYNC  LAN    WAN
gw1 hears gw2  yes   never  yes
gw2 hears gw1  yes   yes    no
`;
    assert.ok(statusText(status, plainPaper).includes(table), statusText(status, plainPaper));
  });

  it("is never wider than the paper, whatever the names", () => {
    const status = degradedStatus();
    for (const problem of status.problems) problem.message = "word ".repeat(60);
    for (const line of statusText(status, plainPaper).split("\n")) assert.ok(line.length <= 80, line);
  });

  it("names the first of many addresses, and how many more there are", () => {
    const status = healthyStatus();
    status.nodes[0]!.addresses = Array.from({ length: 9 }, (_, index) => `192.0.2.${index + 1}/24`);
    assert.match(statusText(status, plainPaper), /192\.0\.2\.3\/24\n\s+and 6 more\n/);
  });
});

it("wrap breaks at blanks and keeps long words whole", () => {
  assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrap("a verylongword b", 4), ["a", "verylongword", "b"]);
  assert.deepEqual(wrap("", 10), []);
});

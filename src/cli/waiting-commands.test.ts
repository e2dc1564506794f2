import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { ForeseenChoice } from "../contract/config-choice.ts";
import type { ApplyAnswer, Config, ConfigState, TransactionAnswer } from "../contract/config-operations.ts";
import { exampleReport } from "../contract/doctor.test-data.ts";
import { healthyStatus } from "../contract/status.test-data.ts";
import { pairDocument, planOf } from "../core/config/plans.test-data.ts";
import { makeAuthority } from "../keys/certificates.ts";
import { formatToken, makeToken } from "../keys/join-token.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

// What takes its time shows so on a terminal. The node answers when it has been shown, and not before: were it not, the command
// would be killed at last, and end without its answer.

const id = "c0ffee".padEnd(40, "0");
const running: Config = { head: { id, number: 11 }, revision: "abc", text: "other" };
const made: ApplyAnswer = {
  ...{ transaction: "t1", id, number: 12, plan: [], confirmSeconds: 60, startsAgain: false },
  nodes: [{ name: "gw1", state: "made" }],
};
const settled: TransactionAnswer = { ok: true, number: 12, nodes: [] };

const foreseen: ForeseenChoice = {
  chosen: { node: "gw2", id, number: 12, author: "ana", at: "2026-11-26T05:00:00Z", message: "" },
  sides: [],
};

const revision = {
  ...{ id, number: 11, parent: null, author: "ana", at: "2026-11-26T05:00:00Z", message: "", plan: [] },
  text: pairDocument,
};
const state: ConfigState = {
  ...{ node: "gw1", head: running.head, revision: "abc", change: null, diverged: [], fileDiffers: null },
};

let node: PretendedNode;
let folder = "";
before(async () => {
  node = await PretendedNode.start();
  folder = mkdtempSync(join(tmpdir(), "tocha-waiting-"));
  writeFileSync(join(folder, "new.yaml"), pairDocument);
  for (const [path, answer] of [
    ["/v1/config", running],
    ["/v1/config/plan", planOf(pairDocument, [])],
    ["/v1/config/apply", made],
    ["/v1/config/confirm", settled],
    ["/v1/config/revert", settled],
    // What would go away, and what was done.
    ["/v1/config/choose", { ...foreseen, ...settled }],
    ["/v1/config/state", state],
    ["/v1/doctor", exampleReport()],
    ["/v1/support", { node: "gw1", files: [], leftOut: [], removed: 0 }],
    ["/v1/status", { ...healthyStatus(), nodes: healthyStatus().nodes.slice(0, 1) }],
    ["/v1/config/history/11", revision],
  ] as const)
    node.answers.set(path, answer);
});
after(() => {
  node.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  node.held = undefined;
});

const WIPED = "\r\x1b[K";

/** A text, and then what wipes the line away again. */
function assertShown(out: string, text: string): void {
  const at = out.indexOf(`${WIPED}${text} … `);
  assert.notEqual(at, -1, JSON.stringify(out));
  assert.ok(!out.slice(out.lastIndexOf(WIPED)).includes(" … "), "wiped away");
}

describe("what takes its time is shown on a terminal", () => {
  const file = () => join(folder, "new.yaml");
  const apply = () => ["config", "apply", file(), "-m", "x", "--yes"];
  const rows: readonly [string, () => readonly string[], RegExp, string, RegExp][] = [
    ["config plan", () => ["config", "plan", file()], /plan$/, "planning", /nothing to do/],
    ["config apply: the plan", apply, /plan$/, "planning", /revision 12 applies/],
    ["config apply", apply, /apply$/, "the nodes check the change and make it", /revision 12 applies/],
    ["config apply: confirmed", apply, /confirm$/, "the nodes confirm the change", /revision 12 applies/],
    [
      "config rollback",
      () => ["config", "rollback", "11", "--yes"],
      /apply$/,
      "the nodes check the change and make it",
      /revision 12 applies/,
    ],
    ["config confirm", () => ["config", "confirm"], /confirm$/, "the nodes confirm the change", /12 applies/],
    ["config choose", () => ["config", "choose", "gw2"], /choose$/, "planning", /applies/],
    [
      "config revert",
      () => ["config", "revert"],
      /revert$/,
      "the nodes take the change back",
      /12 was taken back/,
    ],
    ["doctor", () => ["doctor"], /doctor$/, "the nodes are examined", /2 nodes examined/],
    [
      "support-bundle",
      () => ["support-bundle", join(folder, "bundle.tar.gz")],
      /support$/,
      "the nodes are asked for what they have",
      /bundle\.tar\.gz/,
    ],
  ];
  for (const [name, args, paths, text, end] of rows) {
    it(name, async () => {
      node.held = { paths, until: text };
      const out = await node.onTerminal(args());
      assertShown(out, text);
      assert.match(out, end);
    });
  }

  it("join", async () => {
    const text = "127.0.0.1 lets this machine in";
    node.held = { paths: /^$/, until: text };
    // Nobody who would let it in: it is sent away when it has shown that it waits.
    const door = createServer((socket) => node.whenShown(() => socket.destroy()));
    const { promise, resolve } = Promise.withResolvers<void>();
    door.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = door.address();
    assert.ok(address !== null && typeof address === "object");
    const token = makeToken((await makeAuthority()).certificate, address.port);
    const config = join(folder, "joined.yaml");
    const out = await node.onTerminalAlone([
      "join",
      "127.0.0.1",
      formatToken(token),
      "--node",
      "gw2",
      "--config",
      config,
    ]);
    door.close();
    assertShown(out, text);
    assert.match(out, /cannot be reached/);
  });
});

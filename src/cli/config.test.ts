import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { pairDocument, planOf } from "../core/config/plans.test-data.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

/** `tocha config plan`, `set`, `unset` and `edit` as users start them. */

const commented = pairDocument.replace("cluster: campus", "# ours\ncluster: campus # since 1998");

let node: PretendedNode;
let folder = "";
let file = "";
let other = "";
before(async () => {
  node = await PretendedNode.start();
  folder = mkdtempSync(join(tmpdir(), "tocha-config-"));
  file = join(folder, "cluster.yaml");
  other = join(folder, "other.yaml");
});
after(() => {
  node.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  writeFileSync(file, commented);
  writeFileSync(other, commented.replace("gw2: 100", "gw2: 150"));
});

const text = () => readFileSync(file, "utf8");

describe("tocha config plan", () => {
  it("compares two files without a node, and ends with 1 where there are changes", async () => {
    const { status, out, err } = await node.tocha(["config", "plan", other, "--against", file]);
    assert.equal(err, "");
    assert.equal(status, 1);
    assert.match(out, /^1 change on 2 nodes; no connection is touched; the role moves in main\n\ngw1, gw2\n/);
    // No terminal: the difference is shown where it is asked for.
    assert.doesNotMatch(out, /^---/m);
    assert.equal(node.asked, undefined);
    const diff = await node.tocha(["config", "plan", other, "--against", file, "--diff"]);
    assert.ok(diff.out.startsWith(out));
    assert.match(
      diff.out,
      /\n- {4}priorities: \{ gw1: 110, gw2: 100 \}\n\+ {4}priorities: \{ gw1: 110, gw2: 150 \}\n/,
    );
    assert.ok(!diff.out.includes("\x1b"));
    const colours = await node.tocha(["config", "plan", other, "--against", file, "--diff"], {
      env: { FORCE_COLOR: "1" },
    });
    assert.ok(colours.out.includes("\x1b[32m+    priorities"));
  });

  it("ends with 0 where there is nothing to do, and with 2 where the document or the change is wrong", async () => {
    const same = await node.tocha(["config", "plan", file, "--against", file]);
    assert.deepEqual([same.status, same.out], [0, "nothing to do\n"]);
    writeFileSync(other, commented.replace("gw2: 100", "gw2: 110"));
    const bad = await node.tocha(["config", "plan", other, "--against", file]);
    assert.equal(bad.status, 2);
    assert.match(
      bad.err,
      /other\.yaml:\d+:\d+: error: 110 is the priority of gw1 already \[duplicate-priority\]/,
    );
    writeFileSync(other, commented.replaceAll("10.255.0.", "10.254.0."));
    const refused = await node.tocha(["config", "plan", other, "--against", file]);
    assert.equal(refused.status, 2);
    assert.match(
      refused.out,
      /; refused\n[\s\S]*error: all nodes would change their addresses on sync at once/,
    );
  });

  it("takes an empty file for a cluster without a document", async () => {
    const { status, out } = await node.tocha(["config", "plan", file, "--against", "/dev/null"]);
    assert.equal(status, 1);
    assert.match(out, /^the first document: 2 nodes get all of it\n/);
  });

  it("shows what a node answers, which knows what runs, who is active, and where whoever asks comes from", async () => {
    const moved = planOf(commented, [{ path: ["groups", "main", "priorities", "gw2"], value: 150 }], {
      ...{ activeNodes: { main: "gw2" }, carrying: "gw1" },
    });
    node.answers.set("/v1/config/plan", moved);
    const { status: ended, out, err } = await node.tocha(["config", "plan", other]);
    assert.equal(err, "");
    assert.equal(ended, 1);
    assert.deepEqual(JSON.parse(node.told), { text: readFileSync(other, "utf8"), name: other });
    assert.match(
      out,
      /\nroles\n {2}group main: gw2 hands over to gw1 before it starts anew, then gw1 hands\s+over\s+to gw2/,
    );
    const json = await node.tocha(["config", "plan", other, "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), moved);
    // Who comes over a virtual address that the other document does not have would be cut off.
    const caller = { by: "ssh", address: "10.1.0.77", to: "10.1.0.1", port: 22 } as const;
    node.answers.set(
      "/v1/config/plan",
      planOf(commented, [{ path: ["groups", "main", "addresses", "lan"], value: ["10.1.0.254/24"] }], {
        ...{ caller, carrying: "gw1" },
      }),
    );
    const cut = await node.tocha(["config", "plan", other]);
    assert.equal(cut.status, 2);
    assert.match(
      cut.out,
      /error: 10\.1\.0\.77 asks this over 10\.1\.0\.1, a virtual\s+address\s+that\s+would\s+go\s+away/,
    );
    node.answers.clear();
  });

  it("reads a pipe, once, and tells what is wrong with it whatever the node says", async () => {
    const moved = planOf(commented, [{ path: ["groups", "main", "priorities", "gw2"], value: 150 }]);
    const piped = async (text: string, ...words: readonly string[]) => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      try {
        const asked = node.tocha(["config", "plan", pipe, ...words]);
        await writeFile(pipe, text);
        return await asked;
      } finally {
        rmSync(pipe);
      }
    };
    node.answers.set("/v1/config/plan", moved);
    // With the word, the command itself looks for files that the document names.
    for (const text of [commented, `${commented}# no file\n`])
      assert.deepEqual(JSON.parse((await piped(text, "-o", "json")).out), moved);
    node.answers.clear();
    node.answer = { status: 409, body: { code: "duplicate-priority", message: "wrong", line: 3 } };
    const twice = await piped(
      commented.replace("gw2: 100", "gw2: 110").replace("10.1.0.1/24", "10.1.0.1/99"),
    );
    assert.match(twice.err, /\[duplicate-priority\]/);
    assert.match(twice.err, /\[bad-address\]|\[bad-network\]/);
    node.answer = { status: 409, body: { code: "config-busy", message: "another change is being made" } };
    assert.match((await piped(`${commented}# no file\n`)).err, /another change is being made/);
  });

  it("shows all that only the node finds wrong, in the file of the user", async () => {
    const problems = [
      { code: "bad-value", message: "first of the node", hint: "mend it", line: 3, column: 5, path: "a.b" },
      { code: "unknown-key", message: "second of the node", line: 4, column: 1 },
    ];
    const message = "on gw2: first of the node (and 1 more); nothing has changed";
    node.first.push({ status: 409, body: { code: "bad-value", message, line: 3, column: 5, problems } });
    const { status, err } = await node.tocha(["config", "plan", other]);
    assert.equal(status, 2);
    assert.match(err, /^error: on gw2: first of the node .*; nothing has changed \[bad-value\]\n/);
    assert.ok(err.includes(`\n${other}:3:5: error: first of the node [bad-value]\n  at a.b\n  -> mend it\n`));
    assert.ok(err.includes(`\n${other}:4:1: error: second of the node [unknown-key]\n`));
    const config = { head: null, revision: "r", text: "cluster: other\n" };
    const revision = { number: 7, parent: null, author: "a", at: "2026-03-01T12:00:00Z", message: "" };
    node.first.push(
      { status: 200, body: { ...revision, id: "a".repeat(40), plan: [], text: "x" } },
      { status: 200, body: config },
      { status: 409, body: { code: "bad-value", message, line: 3, column: 5, problems } },
    );
    const back = await node.tocha(["config", "rollback", "7"]);
    assert.match(back.err, /\ndocument:4:1: error: second of the node \[unknown-key\]\n/);
  });

  it("says so when the node does not answer that", async () => {
    node.answer = {
      status: 404,
      body: { code: "no-such-operation", message: "there is no POST /v1/config/plan" },
    };
    assert.equal((await node.tocha(["config", "plan", other])).status, 1);
  });
});

/** These commands ask no node: the option that names one is not theirs. */
async function config(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return await node.tochaAlone(["config", ...args, "--file", file], { env });
}

describe("tocha config set and unset", () => {
  it("change one line, show it as a plan, and keep rights and comments", async () => {
    chmodSync(file, 0o640);
    const { status, out, err } = await config(["set", "groups.main.priorities.gw2", "150"]);
    assert.equal(err, "");
    assert.equal(status, 0);
    assert.match(
      out,
      /^1 change on 2 nodes;[\s\S]*\n\+ {4}priorities: \{ gw1: 110, gw2: 150 \}\n[\s\S]*\nwritten: .*cluster\.yaml\n$/,
    );
    assert.equal(text(), commented.replace("gw2: 100", "gw2: 150"));
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(folder).sort(), ["cluster.yaml", "other.yaml"]);
    assert.equal((await config(["unset", "nat.source.lab"])).status, 0);
    assert.doesNotMatch(text(), /id: lab/);
    assert.match(text(), /^# ours\ncluster: campus # since 1998\n/);
  });

  it("write nothing in a dry run, nor where there is nothing to do", async () => {
    const dry = await config(["set", "groups.main.priorities.gw2", "150", "--dry-run"]);
    assert.equal(dry.status, 0);
    assert.match(dry.out, /\nnothing was written \(--dry-run\)\n$/);
    const same = await config(["set", "groups.main.priorities.gw2", "100"]);
    assert.deepEqual([same.status, same.out], [0, "nothing to do\n\nnothing was written\n"]);
    assert.equal(text(), commented);
    const json = await config(["set", "groups.main.priorities.gw2", "150", "--dry-run", "-o", "json"]);
    assert.equal(JSON.parse(json.out).changes, 1);
  });

  it("refuse what would not be valid, and leave the file alone", async () => {
    for (const [args, message] of [
      [
        ["set", "groups.main.priorities.gw2", "110"],
        /110 is the priority of gw1 already \[duplicate-priority\]/,
      ],
      [
        ["set", "groups.main.prioritis.gw2", "1"],
        /no key "prioritis" \[unknown-key\][\s\S]*Did you mean "priorities"/,
      ],
      [["unset", "groups.main.addresses"], /lacks "addresses" \[missing-key\]/],
      [
        ["unset", "nat.source.offix"],
        /the document has no nat\.source\.offix \[bad-usage\][\s\S]*There is: office, lab/,
      ],
      [["set", "nat.source[", "1"], /is not a path \[bad-usage\]/],
      [["set", "cluster", "[a"], /"\[a" is no value \[bad-usage\]/],
    ] as const) {
      const { status, err } = await config(args);
      assert.equal(status, 2, args.join(" "));
      assert.match(err, message);
    }
    assert.equal(text(), commented);
  });

  it("mend a document that is not valid", async () => {
    writeFileSync(file, commented.replace("gw2: 100", "gw2: 110"));
    const { status, out } = await config(["set", "groups.main.priorities.gw2", "100"]);
    assert.equal(status, 0);
    assert.match(out, /\nwritten: /);
    assert.equal(text(), commented);
  });

  it("follow a link to the file that is meant", async () => {
    const link = join(folder, "link.yaml");
    symlinkSync(file, link);
    const { status } = await node.tochaAlone(["config", "set", "cluster", "other", "--file", link]);
    assert.equal(status, 0);
    assert.match(text(), /\ncluster: other # since 1998\n/);
    assert.equal(readFileSync(link, "utf8"), text());
    rmSync(link);
  });
});

describe("tocha config edit", () => {
  /** The copies of texts that were not taken. */
  const temporary = { TMPDIR: "" };
  before(() => {
    temporary.TMPDIR = mkdtempSync(join(folder, "tmp-"));
  });
  after(() => rmSync(temporary.TMPDIR, { recursive: true }));
  const edit = (command: string) => config(["edit"], { ...temporary, VISUAL: "", EDITOR: command });

  it("takes what the editor leaves, if it is valid", async () => {
    const { status, out } = await edit("sed -i 's/gw2: 100/gw2: 150/'");
    assert.equal(status, 0);
    assert.match(out, /^1 change on 2 nodes;[\s\S]*\nwritten: /);
    assert.equal(text(), commented.replace("gw2: 100", "gw2: 150"));
    assert.deepEqual(readdirSync(temporary.TMPDIR), []);
  });

  it("writes nothing that is not valid, and keeps the text", async () => {
    const { status, out, err } = await edit("sed -i 's/gw2: 100/gw2: 110/'");
    assert.equal(status, 2);
    assert.match(err, /duplicate-priority/);
    assert.equal(text(), commented);
    const kept = /the text is kept in (.*)\n/.exec(out)?.[1] ?? "";
    assert.equal(readFileSync(kept, "utf8"), commented.replace("gw2: 100", "gw2: 110"));
  });

  it("is nothing where nothing was changed, or the editor failed", async () => {
    const same = await edit("true");
    assert.deepEqual([same.status, same.out], [0, "nothing was changed\n"]);
    const failed = await edit("exit 3 #");
    assert.equal(failed.status, 1);
    assert.match(
      failed.err,
      /the editor "exit 3 #" ended with status 3; nothing was written \[editor-failed\]/,
    );
  });

  it("does not write over what somebody else has written meanwhile", async () => {
    const { status, err } = await edit(`sed -i 's/gw2: 100/gw2: 150/;w ${file}'`);
    assert.equal(status, 1);
    assert.match(err, /was changed by somebody else meanwhile \[file-changed\]/);
  });
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

/** `tocha nat` as users start it: it needs the document, and nothing else. */

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const example = fileURLToPath(new URL("../../examples/provider.yaml", import.meta.url));

function tocha(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(launcher, args, { encoding: "utf8", timeout: 30_000 });
  return { status, out: stdout, err: stderr };
}

function nat(...args: readonly string[]) {
  return tocha("nat", ...args, "--config", example);
}

describe("tocha nat", () => {
  it("says whose an address and port are, and the other way round", () => {
    const who = nat("who", "198.18.16.7", "5200");
    assert.deepEqual(who, {
      status: 0,
      out: "100.64.0.113 has 198.18.16.7 ports 5056-9087 (rule homes)\n",
      err: "",
    });
    const block = nat("block", "100.64.0.113");
    assert.deepEqual(block, {
      status: 0,
      out: "100.64.0.113 has 198.18.16.7 ports 5056-9087 (rule homes)\n",
      err: "",
    });
    assert.deepEqual(JSON.parse(nat("block", "100.64.0.113", "-o", "json").out), {
      subscriber: "100.64.0.113",
      block: { rule: "homes", address: "198.18.16.7", firstPort: 5_056, lastPort: 9_087 },
    });
    assert.deepEqual(JSON.parse(nat("who", "198.18.16.7", "5200", "-o", "json").out).owners, [
      {
        ...{ kind: "subscriber", rule: "homes", host: "100.64.0.113" },
        block: { address: "198.18.16.7", firstPort: 5_056, lastPort: 9_087 },
      },
    ]);
  });

  it("knows forwards, one to one, and what only the connection table knows", () => {
    assert.equal(
      nat("who", "192.0.2.1", "443").out,
      "10.10.0.20 port 8443 answers there, tcp (forward web)\n" +
        "10.10.0.20 port 8443 answers there, udp (forward web-quic)\n" +
        "a host of 10.10.0.0/24 (rule servers): which one, only the connection table knows\n",
    );
    assert.equal(nat("who", "198.18.32.245", "25").out, "10.20.0.5 (one to one, rule customer)\n");
  });

  it("ends with 1 where nobody has it, and with 2 for what is no address or port", () => {
    assert.deepEqual(nat("who", "198.18.16.7", "80"), {
      ...{ status: 1, out: "198.18.16.7 port 80 belongs to nobody\n", err: "" },
    });
    assert.deepEqual(nat("block", "10.10.0.20"), {
      ...{ status: 1, out: "10.10.0.20 is no subscriber of nat.cgnat\n", err: "" },
    });
    for (const args of [
      ["who", "198.18.16", "80"],
      ["who", "198.18.16.7", "65536"],
      ["who", "198.18.16.7", "https"],
      ["block", "homes"],
    ])
      assert.equal(nat(...args).status, 2, args.join(" "));
  });

  it("shows the arithmetic, as check does", () => {
    const words =
      "homes: 65,536 subscribers, 16 to an address, blocks of 4,032 ports: 4,096 of 4,096 addresses";
    assert.equal(nat("show").out, `${words}\n`);
    assert.ok(
      tocha("check", example).out.includes(
        `    3 source translations, 5 port forwards, 2 one to one\n    ${words}\n`,
      ),
    );
    assert.equal(JSON.parse(nat("show", "-o", "json").out).cgnat[0].addressesNeeded, 4_096);
  });

  it("has help with examples", () => {
    for (const args of [[], ["who"], ["block"], ["show"]])
      assert.match(tocha("nat", ...args, "--help").out, /Example/);
  });
});

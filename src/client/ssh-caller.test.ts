import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type ProcessFacts, sshCaller } from "./ssh-caller.ts";

const connection = "198.51.100.7 53422 10.1.0.2 22";
const network = "net:[4026531840]";

/** A command, 30, that sudo has started, 20, out of a shell, 10, which sshd has started. */
function facts(environments: Readonly<Record<number, string>>): ProcessFacts {
  const parents: Readonly<Record<number, number>> = { 30: 20, 20: 10, 10: 5, 5: 1 };
  return {
    pid: 30,
    parentOf: (pid) => parents[pid],
    environmentOf: (pid) => environments[pid],
    network: () => network,
  };
}

describe("sshCaller", () => {
  it("takes the environment's word", () => {
    assert.equal(sshCaller({ SSH_CONNECTION: connection }, facts({})), `${connection} ${network}`);
  });

  it("finds it behind sudo, which takes it out of the environment", () => {
    const shell = facts({ 20: "HOME=/root\0", 10: `HOME=/home/a\0SSH_CONNECTION=${connection}\0TERM=x\0` });
    assert.equal(sshCaller({}, shell), `${connection} ${network}`);
  });

  it("is nothing at the console, for what is no connection, and where nothing can be read", () => {
    assert.equal(sshCaller({}, facts({ 20: "HOME=/root\0" })), undefined);
    assert.equal(sshCaller({ SSH_CONNECTION: "somewhere" }, facts({})), undefined);
    assert.equal(
      sshCaller({ SSH_CONNECTION: connection }, { ...facts({}), network: () => undefined }),
      undefined,
    );
  });

  it("finds it in the processes of this machine", () => {
    const file = JSON.stringify(fileURLToPath(new URL("./ssh-caller.ts", import.meta.url)));
    const asked = `import(${file}).then(({ sshCaller }) => console.log(sshCaller()))`;
    const inner = [process.execPath, "-e", asked].map((word) => `'${word}'`).join(" ");
    const { stdout, stderr } = spawnSync("sh", ["-c", `env -u SSH_CONNECTION ${inner}; true`], {
      env: { ...process.env, SSH_CONNECTION: connection },
      encoding: "utf8",
    });
    assert.match(stdout, /^198\.51\.100\.7 53422 10\.1\.0\.2 22 net:\[\d+\]\n$/, stderr);
  });
});

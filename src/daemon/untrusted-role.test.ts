import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeEnvelope, type RoleMessage, type RoleName } from "./role-message.ts";
import { UntrustedRole } from "./untrusted-role.ts";

function line(to: RoleName, from: RoleName, message: RoleMessage): Uint8Array {
  return new TextEncoder().encode(encodeEnvelope({ to, from, message }));
}

describe("UntrustedRole", () => {
  it("hears signs of life and lines for the log, in pieces as well, whoever they claim to be from and for", () => {
    const role = new UntrustedRole();
    const beat = line("failover", "control", { kind: "heartbeat-answer", number: 7 });
    assert.deepEqual(role.push(beat.subarray(0, 9), 0), []);
    assert.deepEqual(role.push(beat.subarray(9), 0), [
      { to: "supervisor", from: "api", message: { kind: "heartbeat-answer", number: 7 } },
    ]);
    const [long] =
      role.push(line("supervisor", "api", { kind: "log", level: "info", text: "x".repeat(2_000) }), 0) ?? [];
    assert.equal(long?.message.kind === "log" && long.message.text.length, 500);
  });

  it("hears nothing that others may say, nothing without an end, and nothing that is no message", () => {
    const switchover = { kind: "switchover", group: "gateway", request: 1, reason: "" } as const;
    for (const bad of [
      line("failover", "control", switchover),
      line("supervisor", "failover", { kind: "reconfigured", request: 1 }),
      line("supervisor", "failover", { kind: "stopped" }),
      new TextEncoder().encode("null\n"),
      new TextEncoder().encode("{}\n"),
      new TextEncoder().encode("\n"),
      new Uint8Array(5_000).fill(0x20),
    ])
      assert.equal(new UntrustedRole().push(bad, 0), undefined, new TextDecoder().decode(bad).slice(0, 80));
  });

  it("does not fill the log", () => {
    const role = new UntrustedRole();
    const text = line("supervisor", "api", { kind: "log", level: "error", text: "again" });
    const heard = Array.from({ length: 1_000 }, () => role.push(text, 0)?.length ?? -1);
    assert.equal(
      heard.reduce((sum, one) => sum + one, 0),
      50,
    );
  });
});

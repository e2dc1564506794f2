import assert from "node:assert/strict";
import { validIp } from "../../src/base/ip.ts";
import { Election } from "../../src/core/election/election.ts";
import type { ElectionEffect } from "../../src/core/election/election-types.ts";

export const VIRTUAL_ROUTER = 51;
export const GROUP = "gateway";
export const SELF = "gw1";
export const PEER = "gw2";
export const PATH = "sync";
export const REVISION = "0123456789abcdef";
const INTERVAL_MS = 100;
/** Inputs that one machine hears; then a new one begins. */
const INPUTS_PER_LIFE = 2_000;

/** An election that hears what a fuzzed decoder accepts, while its time goes by. */
export class ElectionUnderTest {
  #machine: Election = newElection();
  #nowMs = 0;
  #inputs = 0;
  /** What everybody can see of it, after the last input that it heard. */
  #seen = observe(this.#machine);

  /** An input was refused: nothing may have changed. */
  sawNothing(): void {
    assert.equal(observe(this.#machine), this.#seen, "a refused input has changed the election");
  }

  /** @param isForeign it is meant for somebody else, and may change nothing but counters */
  receive(hear: (machine: Election, nowMs: number) => readonly ElectionEffect[], isForeign: boolean): void {
    if (++this.#inputs % INPUTS_PER_LIFE === 0) this.#machine = newElection();
    this.#nowMs += 1;
    while (this.#machine.deadline <= this.#nowMs) this.#machine.timeout(this.#nowMs);
    const { role } = this.#machine;
    const effects = hear(this.#machine, this.#nowMs);
    if (isForeign) {
      assert.deepEqual(effects, [], "what is meant for others has effects");
      assert.equal(this.#machine.role, role);
    }
    assert.ok(["init", "standby", "active"].includes(this.#machine.role), this.#machine.role);
    assert.ok(!Number.isNaN(this.#machine.deadline) && this.#machine.deadline > 0);
    this.#seen = observe(this.#machine);
  }
}

function newElection(): Election {
  const faces = ["lan", "wan"];
  const election = new Election(
    {
      node: SELF,
      group: GROUP,
      virtualRouterId: VIRTUAL_ROUTER,
      priority: 110,
      intervalMs: INTERVAL_MS,
      pulseIntervalMs: INTERVAL_MS,
      preempt: false,
      preemptDelayMs: 5_000,
      faces: faces.map((name, index) => ({
        name,
        families: [4, 6],
        addresses: [validIp(`10.${index + 1}.0.2`), validIp(`fd00:${index + 1}::2`)],
      })),
      peers: [{ name: PEER, priority: 100, addresses: [validIp("10.1.0.3"), validIp("fd00:1::3")] }],
      paths: [PATH, ...faces],
      revision: REVISION,
    },
    0,
  );
  for (const face of faces) election.faceChanged(0, face, true);
  election.readinessChanged(0, { gatewayReady: true, tableComplete: true });
  return election;
}

/** All but what is only computed from the clock. */
function observe(machine: Election): string {
  return JSON.stringify([machine.view, machine.pulse(), machine.deadline], (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

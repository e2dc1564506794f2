import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import type { LabSettings } from "../../src/lab/lab-plan.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

/**
 * The lab of a whole test file, with connections through it. Every test begins when all is well; whatever was in trouble
 * in it, no connection was, and the gateway has not changed hands.
 */
export class LabUnderTraffic {
  #lab: TestLab | undefined;
  #streams: StreamTraffic | undefined;
  #roles: { readonly active: string; readonly standby: string } | undefined;

  /** To be made once, at the top of the file: it registers what has to be done before and after the tests. */
  constructor(
    prefix: string,
    options: {
      readonly connections: number;
      readonly settings?: Partial<LabSettings>;
      readonly programs?: readonly string[];
      /** What else has to be done once: hooks of one file do not wait for each other. */
      readonly prepare?: (lab: TestLab) => Promise<void>;
    },
  ) {
    const { connections, settings, programs, prepare } = options;
    before(async () => {
      await requireNamespaces(programs);
      this.#lab = await TestLab.up(prefix, settings);
      await prepare?.(this.#lab);
      await this.#lab.waitUntilWell();
      this.#streams = await StreamTraffic.start(this.#lab.settings, { connections });
    });
    beforeEach(async () => {
      this.#roles = await this.lab.rolesWhenWell();
    });
    afterEach(() => this.#assertNothingHappened(connections));
    after(async () => {
      await this.#streams?.close();
      await this.#lab?.down();
    });
  }

  get lab(): TestLab {
    return known(this.#lab);
  }

  /** The node that was active when the test began. */
  get active(): string {
    return known(this.#roles).active;
  }

  get standby(): string {
    return known(this.#roles).standby;
  }

  async #assertNothingHappened(connections: number): Promise<void> {
    const streams = known(this.#streams);
    await streams.mark();
    await waitFor("bytes in both directions of every connection", async () => {
      const { survived } = await streams.report();
      return survived === connections;
    });
    const { brokenEver, corrupted } = await streams.report();
    assert.deepEqual([brokenEver, corrupted], [0, 0]);
    assert.equal((await this.lab.status(this.active)).role, "active", "the gateway is the one that it was");
  }
}

function known<T>(value: T | undefined): T {
  assert.ok(value !== undefined, "the lab is there from the first test on");
  return value;
}

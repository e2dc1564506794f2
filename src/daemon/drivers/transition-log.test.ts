import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ElectionEffect } from "../../core/election/election-types.ts";
import type { GroupReport } from "../role-report.ts";
import { TransitionLog } from "./transition-log.ts";

type Transition = ElectionEffect & { readonly do: "transition" };

const takeover = (rest: Partial<Transition> = {}): Transition => ({
  ...({ do: "transition", from: "standby", to: "active", cause: "gw1 was silent" } as const),
  reason: { kind: "silence", other: "gw1", wordMs: performance.now() - 300 },
  ...rest,
});

/** Of a view only what is recorded. */
function view(times: { readonly sinceMs?: number; readonly heardMs?: number } = {}): GroupReport["view"] {
  const { sinceMs = performance.now() } = times;
  const { heardMs = sinceMs - 300 } = times;
  const peer = {
    ...{ name: "gw1", alive: false, role: "active", priority: 110, tableComplete: true },
    paths: [
      { name: "sync", lastHeardMs: heardMs },
      { name: "lan", lastHeardMs: undefined },
    ],
  };
  const own = { priority: 100, effectivePriority: 100, gatewayReady: true, tableComplete: true, faces: [] };
  return { ...own, sinceMs, role: "active", cause: "", peers: [peer] } as unknown as GroupReport["view"];
}

function become(log: TransitionLog, effect: Transition, dueMs?: number): void {
  log.decided(dueMs);
  log.done("addresses");
  log.done("announced");
  log.done("told");
  log.changed(effect);
}

describe("TransitionLog", () => {
  it("tells what was done, in order, and what was heard", () => {
    const log = new TransitionLog("gateway");
    const sinceMs = performance.now();
    become(log, takeover(), sinceMs - 2);
    const [record, ...more] = log.take(view({ sinceMs }));
    assert.deepEqual(more, []);
    assert.deepEqual(
      record?.stamps.map(({ what }) => what),
      ["heard", "due", "noticed", "decided", "addresses", "announced", "told"],
    );
    assert.deepEqual([record?.evidence.lateMs, record?.other, record?.kind], [2, "gw1", "silence"]);
    assert.deepEqual(
      record?.evidence.peers[0]?.paths.map(({ silentMs }) => silentMs),
      [300, null],
    );
    assert.equal(log.hasChanges, false);
  });

  it("does not mix in what is done after the change, in the same turn", () => {
    const log = new TransitionLog("gateway");
    become(log, takeover());
    log.decided();
    log.done("pulsed");
    const [record] = log.take(view());
    assert.ok(record?.stamps.every(({ what }) => what !== "pulsed"));
    assert.ok(record?.stamps.some(({ what }) => what === "addresses"));
  });

  it("does not count as heard what came after the decision", () => {
    const log = new TransitionLog("gateway");
    become(log, takeover());
    const sinceMs = performance.now();
    const [record] = log.take(view({ sinceMs, heardMs: sinceMs + 1 }));
    // Only the last word is left, of which no path is known.
    assert.deepEqual(
      record?.stamps.filter(({ what }) => what === "heard").map(({ path }) => path),
      [undefined],
    );
  });

  it("adds addresses that were late to the takeover that lacks them, also when it is repeated", () => {
    const log = new TransitionLog("gateway");
    log.decided();
    log.done("told");
    log.changed(takeover());
    assert.equal(log.lateAddresses(performance.now()), undefined, "that change is not told yet");
    const [record] = log.take(view());
    // Pulses are sent meanwhile.
    log.decided();
    log.done("pulsed");
    const late = log.lateAddresses(performance.now() + 30);
    const added = late?.stamps.at(-1);
    assert.equal(added?.what, "addresses");
    assert.ok((added?.atUs ?? 0) >= 30_000 && (added?.atUs ?? 0) < 60_000, `${added?.atUs} µs`);
    assert.deepEqual(late, { ...record, stamps: [...(record?.stamps ?? []), added] });
    assert.deepEqual(log.kept, [late]);
  });

  it("has nothing to add to a change that was no takeover", () => {
    const log = new TransitionLog("gateway");
    become(log, takeover({ from: "active", to: "standby" }));
    log.take(view());
    assert.equal(log.lateAddresses(performance.now()), undefined);
  });

  it("knows the drain before a handover, and none that was another's", () => {
    const log = new TransitionLog("gateway");
    const handover = takeover({ from: "active", to: "standby", reason: { kind: "planned", other: "gw2" } });
    log.drainAsked();
    log.drained();
    become(log, handover);
    const names = (record: { readonly stamps: readonly { what: string }[] } | undefined) =>
      record?.stamps.map(({ what }) => what).filter((what) => what.startsWith("drain"));
    assert.deepEqual(names(log.take(view())[0]), ["drain-asked", "drained"]);
    become(log, takeover({ from: "active", to: "standby", reason: { kind: "yielded", other: "gw2" } }));
    assert.deepEqual(names(log.take(view())[0]), []);
    // The next one is not answered in time, and the earlier answer is not its own.
    log.drainAsked();
    become(log, handover);
    assert.deepEqual(names(log.take(view())[0]), ["drain-asked"]);
  });

  it("repeats the last changes only, each with its own number", () => {
    const log = new TransitionLog("gateway");
    log.start(view());
    for (let i = 0; i < 40; i++) {
      become(log, takeover());
      log.take(view());
    }
    assert.deepEqual(
      log.kept.map(({ source }) => source.sequence),
      Array.from({ length: 16 }, (_, index) => 26 + index),
    );
  });
});

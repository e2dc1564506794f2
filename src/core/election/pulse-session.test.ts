import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PulseHeader as Header } from "../../wire/pulse.ts";
import { type Freshness, PulseSession } from "./pulse-session.ts";

/** One that counts its pulses itself and is asked for its own answers only, as on a single path. */
class CountingSession extends PulseSession {
  #sequence = 0;

  override accept(header: Header, isAnswer = (echo: bigint) => this.takeAnswer(echo)): Freshness {
    return super.accept(header, isAnswer);
  }

  nextHeader(): Header {
    this.#sequence += 1;
    return this.fillHeader({ session: 0n, echo: 0n, sequence: 0 }, this.#sequence);
  }
}

/** Lets both greet each other until each accepts the other. */
function meet(a: CountingSession, b: CountingSession): void {
  for (let i = 0; i < 3; i++) {
    b.accept(a.nextHeader());
    a.accept(b.nextHeader());
  }
  assert.equal(b.accept(a.nextHeader()), "fresh");
  assert.equal(a.accept(b.nextHeader()), "fresh");
}

/** The number that a start draws is random in production. */
function start(number: number): CountingSession {
  return new CountingSession(BigInt(number) << 16n);
}

describe("pulse session", () => {
  it("takes three pulses to be sure of each other", () => {
    const a = new CountingSession(0xaaaa_0000n);
    const b = new CountingSession(0xbbbb_0000n);
    const first = a.nextHeader();
    assert.deepEqual(first, { session: 0xaaaa_0001n, echo: 0n, sequence: 1 });
    assert.equal(b.accept(first), "hello");
    const second = b.nextHeader();
    assert.deepEqual(second, { session: 0xbbbb_0001n, echo: 0xaaaa_0001n, sequence: 1 });
    assert.equal(a.accept(second), "fresh");
    const third = a.nextHeader();
    assert.deepEqual(third, { session: 0xaaaa_0002n, echo: 0xbbbb_0001n, sequence: 2 });
    assert.equal(b.accept(third), "fresh");
  });

  it("takes each pulse once, and none that is older than one it took", () => {
    const a = start(1);
    const b = start(2);
    meet(a, b);
    const [older, newer] = [a.nextHeader(), a.nextHeader()];
    assert.equal(b.accept(newer), "fresh");
    assert.equal(b.accept(newer), "stale");
    assert.equal(b.accept(older), "stale");
  });

  it("takes nothing that was recorded before it started", () => {
    const a = start(1);
    const before = start(2);
    meet(a, before);
    const recorded = Array.from({ length: 5 }, () => a.nextHeader());
    const after = start(3);
    for (const header of recorded) assert.equal(after.accept(header), "hello");
    meet(a, after);
    for (const header of recorded) assert.equal(after.accept(header), "stale");
  });

  it("takes nothing of a start of the peer that is over, not even what it never saw", () => {
    const b = start(2);
    const before = start(1);
    meet(before, b);
    const neverDelivered = before.nextHeader();
    const after = start(3);
    meet(after, b);
    assert.equal(b.accept(neverDelivered), "hello");
    assert.equal(b.accept(after.nextHeader()), "fresh");
  });

  it("takes nothing of a start that it never met, once it met a later one", () => {
    const b = start(2);
    const neverMet = start(1);
    neverMet.accept(b.nextHeader());
    const neverDelivered = neverMet.nextHeader();
    meet(start(3), b);
    assert.equal(b.accept(neverDelivered), "hello");
  });

  it("goes on echoing an acquaintance, whoever else says hello", () => {
    const a = start(1);
    const b = start(2);
    meet(a, b);
    const { session } = b.nextHeader();
    assert.equal(a.accept({ session: 99n << 16n, echo: 7n, sequence: 1_000 }), "hello");
    assert.equal(a.nextHeader().echo, session);
  });

  it("outlives its count: the number goes on into the bits that name the start", () => {
    const a = start(1);
    for (let i = 0; i < 70_000; i++) {
      const { session } = a.nextHeader();
      assert.equal(a.accept({ session: BigInt(1_000 + i) << 16n, echo: session, sequence: 1 }), "fresh");
    }
    meet(a, start(2));
  });

  it("never takes a pulse twice, out of order, or from before its start, whatever is replayed", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), from: fc.nat(1) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("send-lost" as const), from: fc.nat(1) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("replay" as const), index: fc.nat(500) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), who: fc.nat(1) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let starts = 0;
        const newNode = (startedAt: number) => {
          starts += 1;
          return { session: start(starts), startedAt, newestTaken: -1 };
        };
        const nodes = [newNode(0), newNode(0)];
        const sent: { readonly to: number; readonly header: Header; readonly madeAt: number }[] = [];
        const deliver = ({ to, header, madeAt }: (typeof sent)[number]) => {
          const node = nodes[to]!;
          if (node.session.accept(header) !== "fresh") return;
          assert.ok(madeAt >= node.startedAt, "made before the receiver started");
          assert.ok(madeAt > node.newestTaken, "older than one that was taken");
          node.newestTaken = madeAt;
        };
        for (const [now, one] of steps.entries()) {
          if (one.do === "restart") nodes[one.who] = newNode(now);
          else if (one.do === "replay") {
            const pulse = sent[one.index % Math.max(1, sent.length)];
            if (pulse !== undefined) deliver(pulse);
          } else {
            const pulse = { to: 1 - one.from, header: nodes[one.from]!.session.nextHeader(), madeAt: now };
            sent.push(pulse);
            if (one.do === "send") deliver(pulse);
          }
        }
        // After all that, two honest nodes still find each other.
        for (let i = 0; i < 3; i++) {
          nodes[1]!.session.accept(nodes[0]!.session.nextHeader());
          nodes[0]!.session.accept(nodes[1]!.session.nextHeader());
        }
        const last: Freshness = nodes[1]!.session.accept(nodes[0]!.session.nextHeader());
        assert.equal(last, "fresh");
      }),
      { numRuns: 2_000 },
    );
  });
});

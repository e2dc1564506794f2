import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PulseConversation } from "./pulse-conversation.ts";

const PATHS = ["sync", "lan"] as const;
const INTERVAL_MS = 100;
/** Longer than an active-down time. */
const SILENCE_MS = 400;

type Header = NonNullable<ReturnType<PulseConversation["header"]>>;
type Sent = Readonly<Record<(typeof PATHS)[number], Header>>;

/** The number that a start draws is random in production. */
function start(number: number): PulseConversation {
  return new PulseConversation({ ownSession: BigInt(number) << 16n, paths: PATHS, intervalMs: INTERVAL_MS });
}

function pulse(from: PulseConversation): Sent {
  from.next();
  const header = (path: string) => {
    const of = from.header(path);
    assert.ok(of !== undefined);
    return { ...of };
  };
  return { sync: header("sync"), lan: header("lan") };
}

/** Lets both greet each other on the paths given, until each believes the other. */
function meet(
  a: PulseConversation,
  b: PulseConversation,
  { nowMs = 0, paths = PATHS }: { nowMs?: number; paths?: readonly (typeof PATHS)[number][] } = {},
): void {
  for (let i = 0; i < 4; i++) {
    const [fromA, fromB] = [pulse(a), pulse(b)];
    for (const path of paths) {
      b.accept(nowMs, path, fromA[path]);
      a.accept(nowMs, path, fromB[path]);
    }
  }
}

describe("pulse conversation", () => {
  it("takes a pulse once on each path", () => {
    const [a, b] = [start(1), start(2)];
    meet(a, b);
    const first = pulse(a);
    assert.equal(b.accept(0, "lan", first.lan), "fresh");
    assert.equal(b.accept(0, "sync", first.sync), "fresh");
    assert.equal(b.accept(0, "sync", first.sync), "stale", "the same copy twice");
  });

  it("takes no news from a pulse that a newer one has overtaken on another path", () => {
    const [a, b] = [start(1), start(2)];
    meet(a, b);
    const [older, newer] = [pulse(a), pulse(a)];
    assert.equal(b.accept(0, "lan", newer.lan), "fresh");
    assert.equal(b.accept(0, "sync", older.sync), "overtaken");
    assert.equal(b.accept(0, "sync", newer.sync), "fresh");
  });

  it("proves each path by itself: what was sent by one path before it was proved there is not believed later", () => {
    const [a, b] = [start(1), start(2)];
    const first = pulse(a);
    meet(a, b, { paths: ["sync"] });
    assert.equal(b.accept(0, "lan", first.lan), "hello");
    assert.equal(b.accept(0, "lan", pulse(a).lan), "fresh", "it answers what b has said by the other path");
    assert.equal(b.accept(0, "lan", first.lan), "stale");
    assert.equal(b.accept(0, "wan", pulse(a).sync), "unknown-path");
  });

  it("meets where one path carries one direction only, and the other one the other", () => {
    const [a, b] = [start(1), start(2)];
    const exchange = () => [b.accept(0, "lan", pulse(a).lan), a.accept(0, "sync", pulse(b).sync)];
    assert.deepEqual(exchange(), ["hello", "fresh"], "b echoes what it has heard by lan");
    assert.deepEqual(exchange(), ["fresh", "fresh"]);
    assert.deepEqual(exchange(), ["fresh", "fresh"]);
  });

  it("meets a peer that starts anew in the same way", () => {
    const [a, b] = [start(1), start(2)];
    meet(a, b);
    const after = start(3);
    const exchange = () => [b.accept(0, "lan", pulse(after).lan), after.accept(0, "sync", pulse(b).sync)];
    // b goes on to echo the start that it knows, until the new one has answered it.
    assert.deepEqual(exchange(), ["hello", "hello"]);
    assert.deepEqual(exchange(), ["fresh", "fresh"]);
    assert.equal(b.accept(0, "lan", pulse(after).lan), "fresh");
  });

  it("takes one answer to a challenge, by whatever path it comes", () => {
    const [a, b] = [start(1), start(2)];
    meet(a, b, { paths: ["sync"] });
    const { lan } = pulse(a);
    const recorded = { ...lan, session: 9n << 16n };
    assert.equal(b.accept(0, "lan", lan), "fresh");
    assert.equal(b.accept(0, "sync", recorded), "hello", "the echo of a challenge that is used up");
    assert.equal(b.accept(0, "lan", recorded), "hello");
  });

  it("finds the way past recordings of a path that carries nothing else", () => {
    const [a, b] = [start(1), start(2)];
    const recorded = Array.from({ length: 8 }, () => pulse(b).lan);
    meet(a, b, { paths: ["sync"] });
    const fresh: string[] = [];
    for (const recording of recorded) {
      // By lan nothing of b comes to a, but an attacker's recordings of this very start.
      a.accept(0, "lan", recording);
      fresh.push(b.accept(0, "lan", pulse(a).lan));
      a.accept(0, "sync", pulse(b).sync);
    }
    assert.deepEqual(
      fresh.slice(2),
      Array.from({ length: 6 }, () => "fresh"),
    );
  });

  it("believes a new start of the peer as soon as that has proved to be there, and then no more of the old one", () => {
    const b = start(2);
    const before = start(1);
    meet(before, b);
    const heldBack = pulse(before);
    const after = start(3);
    meet(after, b, { paths: ["sync"] });
    assert.equal(b.accept(0, "sync", pulse(after).sync), "fresh");
    assert.equal(
      b.accept(0, "lan", heldBack.lan),
      "stale",
      "held back on a path where only the old start is known",
    );
    assert.equal(b.accept(0, "sync", pulse(after).sync), "fresh");
  });

  it("comes back to a start that it had to doubt, when the other one is silent", () => {
    const [a, b] = [start(1), start(2)];
    meet(a, b, { paths: ["lan"] });
    // A pulse of a start before that, held back on a path where nobody had met yet, has its one moment.
    const older = start(9);
    meet(older, b, { paths: ["sync"], nowMs: 1 });
    assert.equal(b.accept(1, "lan", pulse(a).lan), "stale");
    assert.equal(b.accept(1 + SILENCE_MS, "lan", pulse(a).lan), "fresh");
    assert.equal(b.accept(1 + SILENCE_MS, "sync", pulse(older).sync), "stale");
  });

  it("takes no copy twice, none from before its start, and hears every open direction in the end, whatever is replayed", () => {
    const open = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), from: fc.nat(1), open }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("replay" as const), index: fc.nat(500) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), who: fc.nat(1) }) },
    );
    const lasting = open.filter((directions) => isOpenBothWays(directions));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), lasting, (steps, directions) => {
        const world = new AttackedWorld();
        for (const [nowMs, one] of steps.entries()) world.take(nowMs, one);
        // Longer than any start is waited for that is over.
        const nowMs = steps.length + SILENCE_MS;
        for (let turn = 0; turn < 12; turn++)
          for (const from of [0, 1]) world.take(nowMs, { do: "send", from, open: directions });
        assert.deepEqual(
          [0, 1].flatMap((from) => world.send(nowMs, from, directions)),
          [0, 1].flatMap((from) => PATHS.map((_, i) => directions[2 * from + i] === true)),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

/** By direction and path: from the first node on each path, then from the second one. */
function isOpenBothWays(directions: readonly boolean[]): boolean {
  return [0, 1].every((from) => PATHS.some((_, i) => directions[2 * from + i] === true));
}

type Step =
  | { readonly do: "send"; readonly from: number; readonly open: readonly boolean[] }
  | { readonly do: "replay"; readonly index: number }
  | { readonly do: "restart"; readonly who: number };

interface Copy {
  readonly to: number;
  readonly path: (typeof PATHS)[number];
  readonly header: Header;
  readonly madeAt: number;
}

/** Two nodes, and somebody who records every copy, also of those that do not arrive, and sends it again on its path. */
class AttackedWorld {
  #starts = 0;
  #made = 0;
  readonly #nodes = [this.#newNode(), this.#newNode()];
  readonly #sent: Copy[] = [];

  take(nowMs: number, step: Step): void {
    if (step.do === "restart") this.#nodes[step.who] = this.#newNode();
    else if (step.do === "send") this.send(nowMs, step.from, step.open);
    else {
      const copy = this.#sent[step.index % Math.max(1, this.#sent.length)];
      if (copy !== undefined) this.#deliver(nowMs, copy);
    }
  }

  /** @returns for each path whether the other node has taken it */
  send(nowMs: number, from: number, open: readonly boolean[]): boolean[] {
    const headers = pulse(this.#nodes[from]!.conversation);
    this.#made += 1;
    return PATHS.map((path, i) => {
      const copy = { to: 1 - from, path, header: headers[path], madeAt: this.#made };
      this.#sent.push(copy);
      return open[2 * from + i] === true && this.#deliver(nowMs, copy);
    });
  }

  #deliver(nowMs: number, copy: Copy): boolean {
    const { conversation, startedAt, taken } = this.#nodes[copy.to]!;
    const hearing = conversation.accept(nowMs, copy.path, copy.header);
    if (hearing !== "fresh" && hearing !== "overtaken") return false;
    assert.ok(copy.madeAt > startedAt, "made before the receiver started");
    assert.ok(!taken.has(copy.header), "taken before");
    taken.add(copy.header);
    return true;
  }

  #newNode() {
    this.#starts += 1;
    return { conversation: start(this.#starts), startedAt: this.#made, taken: new Set<Header>() };
  }
}

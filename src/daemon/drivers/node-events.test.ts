import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuditEntry } from "../../contract/audit.ts";
import { nodeEventSchema } from "../../contract/node-events.ts";
import { healthyStatus } from "../../contract/status.test-data.ts";
import { NodeEvents } from "./node-events.ts";

const change = (who: string): AuditEntry => {
  return {
    at: "",
    node: "gw1",
    who,
    via: "api",
    role: null,
    from: null,
    operation: "switchover",
    what: {},
    result: "ok",
  };
};

interface Seen {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** The events of a stream, each of them as the contract says. */
async function* read(events: NodeEvents, lastEventId?: string): AsyncGenerator<Seen, void, void> {
  for await (const piece of events.stream(lastEventId).pieces) {
    for (const block of piece.split("\n\n")) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const id = field("id");
      if (id === undefined) continue;
      const seen = { id, event: field("event") ?? "", data: JSON.parse(field("data") ?? "null") as unknown };
      nodeEventSchema.parse(seen);
      yield seen;
    }
  }
}

async function next(stream: AsyncGenerator<Seen, void, void>): Promise<Seen> {
  const { value } = await stream.next();
  assert.ok(value !== undefined);
  return value;
}

describe("NodeEvents", () => {
  it("come from now on, or after the one that was seen last; a gap is said", async () => {
    const events = new NodeEvents(() => Promise.reject(new Error("not asked")));
    events.change(change("before"));
    const stream = read(events);
    const first = next(stream);
    await new Promise(setImmediate);
    events.change(change("ana"));
    const seen = await first;
    assert.deepEqual(
      [seen.event, seen.data],
      ["change", { who: "ana", operation: "switchover", result: "ok" }],
    );
    await stream.return();
    // While nobody listened.
    events.change(change("bob"));
    const resumed = read(events, seen.id);
    assert.equal(((await next(resumed)).data as { who: string }).who, "bob");
    await resumed.return();
    for (let i = 0; i < 1_001; i++) events.change(change("many"));
    for (const id of [seen.id, "another-1", "nonsense"]) {
      const late = read(events, id);
      assert.equal((await next(late)).event, "gap");
      const after = next(late);
      await new Promise(setImmediate);
      events.change(change("after"));
      assert.equal(((await after).data as { who: string }).who, "after");
      await late.return();
    }
  });

  it("say who is active, and which problems appear and vanish, when it was looked", async () => {
    let status = healthyStatus();
    const events = new NodeEvents(async () => status);
    const entry = { id: "gw1-1" } as Parameters<NodeEvents["transition"]>[0];
    const stream = events.stream(undefined).pieces;
    const names = async (wanted: readonly string[]) => {
      let text = "";
      while (!wanted.every((name) => text.includes(`event: ${name}\n`)))
        text += (await stream.next()).value ?? "";
      return text;
    };
    events.transition(entry);
    await names([]);
    await new Promise(setImmediate);
    const problem = { severity: "warning", node: "gw2", code: "not-ready", message: "m", hint: "h" } as const;
    status = {
      ...status,
      groups: status.groups.map(({ name }) => ({ name, activeNode: "gw9" })),
      problems: [problem],
    };
    events.transition(entry);
    assert.match(await names(["active", "problem-appeared"]), /"node":"gw9"[\s\S]*"not-ready"/);
    status = { ...status, problems: [] };
    events.transition(entry);
    assert.match(await names(["problem-vanished"]), /"not-ready"/);
    await stream.return();
  });

  it("have a bounded number of readers", async () => {
    const events = new NodeEvents(() => Promise.reject(new Error("not asked")));
    const readers = Array.from({ length: 32 }, () => events.stream(undefined).pieces);
    for (const reader of readers) await reader.next();
    await assert.rejects(events.stream(undefined).pieces.next(), /32 streams/);
    await readers[0]?.return();
    const another = events.stream(undefined).pieces;
    assert.equal((await another.next()).done, false);
    for (const reader of [...readers, another]) await reader.return();
  });
});

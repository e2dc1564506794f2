import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { told } from "./short-story.test-data.ts";

const lateAlways = `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
`;

describe("election: a machine that is late all the time", () => {
  for (const late of ["250ms", "350ms", "2s", "9s"]) {
    it(`alone, and ${late} late: serves in the end, and speaks`, () => {
      const lines = told(`${lateAlways}\nadvance 10m late=${late}`);
      assert.match(lines[1] ?? "", /standby -> active/);
      // All that it says as the active later.
      const later = lines.slice(2);
      assert.ok(
        later.length > 10 && later.every((line) => line.includes("advert lan 100")),
        later.join("\n"),
      );
    });
  }

  it("alone, with messages of its other roles in between: serves in the end", () => {
    const turns = Array.from(
      { length: 200 },
      (_, i) => `sleep 450ms\ncheck a failing weight=${i % 9}\nadvance 0ms`,
    );
    assert.ok(told(`${lateAlways}\n${turns.join("\n")}`).some((line) => line.includes("standby -> active")));
  });

  it("beside a living standby: leaves it to that one, which takes over", () => {
    const turns = Array.from(
      { length: 200 },
      (_, i) => `sleep 450ms\npulse gw2 ${i < 2 ? "standby" : "active"} priority=90 complete\nadvance 0ms`,
    );
    const lines = told(`${lateAlways}\n${turns.join("\n")}`);
    assert.ok(!lines.some((line) => line.includes("standby -> active")), lines.join("\n"));
  });

  it("beside one that is as late, and leaves it to this one: serves in the end", () => {
    const turns = Array.from(
      { length: 200 },
      () => "sleep 450ms\npulse gw2 standby priority=90 complete\nadvance 0ms",
    );
    assert.ok(told(`${lateAlways}\n${turns.join("\n")}`).some((line) => line.includes("standby -> active")));
  });

  it("beside one that cannot serve: serves in the end", () => {
    const turns = Array.from({ length: 200 }, () => "sleep 450ms\npulse gw2 fault priority=0\nadvance 0ms");
    assert.ok(told(`${lateAlways}\n${turns.join("\n")}`).some((line) => line.includes("standby -> active")));
  });

  it("having been late alone, listens after a standstill of another kind, and gives way", () => {
    const lines = told(`${lateAlways}
      advance 1m late=350ms
      sleep 10s
      advance 0ms
      sleep 50ms
      pulse gw2 active priority=90`);
    const last = lines.at(-1) ?? "";
    assert.match(last, /active -> standby: gw2 became active while this node was stalled/);
    assert.ok(!lines.some((line) => line.startsWith("70") && line.includes("advert")), lines.join("\n"));
  });

  it("then in time again: is as strict with itself as before", () => {
    const lines = told(`${lateAlways}
      advance 10m late=9s
      advance 1s
      sleep 2s
      advance 0ms
      sleep 2s
      advance 0ms
      pulse gw2 active priority=90`);
    assert.match(lines.at(-1) ?? "", /active -> standby: gw2 became active while this node was stalled/);
  });
});

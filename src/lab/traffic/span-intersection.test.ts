import assert from "node:assert/strict";
import { it } from "node:test";
import { spanIntersection } from "./span-intersection.ts";

const span = (fromMs: number, toMs: number) => ({ fromMs, toMs });

it("is what stands in a span of every list", () => {
  const first = [span(0, 10), span(20, 50), span(60, 70)];
  assert.deepEqual(spanIntersection([first]), first);
  assert.deepEqual(spanIntersection([first, [span(5, 25), span(30, 40), span(70, 80)]]), [
    span(5, 10),
    span(20, 25),
    span(30, 40),
  ]);
  assert.deepEqual(spanIntersection([first, [span(5, 25), span(30, 40)], [span(8, 35)]]), [
    span(8, 10),
    span(20, 25),
    span(30, 35),
  ]);
  assert.deepEqual(spanIntersection([first, []]), []);
});

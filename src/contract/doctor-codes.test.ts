import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { doctorCodes } from "./doctor-codes.ts";

it("the guide lists every finding with the same words, and no other", () => {
  // The formatter pads the cells of tables.
  const guide = readFileSync(new URL("../../docs/guide/doctor.md", import.meta.url), "utf8").replace(
    / +/g,
    " ",
  );
  const rows = Array.from(
    guide.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| [^|]+ \| [^|]+ \|$/gm),
    ([, code, meaning]) => [code, meaning],
  );
  assert.deepEqual(rows, Object.entries(doctorCodes));
});

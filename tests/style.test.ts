// What biome cannot check of the project's style (CONTRIBUTING.md).
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");
const LINES_MAX = 400;

/** Tables, which are read by looking up and not from top to bottom; they may be longer than a head can hold. */
const tables: readonly string[] = [
  "src/contract/bad-documents.test-data.ts",
  // One story after the other; each is read by itself.
  "src/core/election/election.test.ts",
];

/** Layers that get time and chance as arguments and return effects: the same inputs give the same outputs. */
const pureLayers = ["src/base", "src/wire", "src/contract", "src/core"];

const impure: readonly [RegExp, string][] = [
  [/\bDate\.now\b/, "Date.now: time is an argument"],
  [/\bnew Date\(/, "new Date(: time is an argument"],
  [/\bMath\.random\b/, "Math.random: chance is a seeded generator, given as an argument"],
  [/\basync\s/, "async: effects are returned, not awaited"],
  [/\bawait\s/, "await: effects are returned, not awaited"],
];

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((file) => join("src", file))
  .filter((file) => file.endsWith(".ts"))
  .sort();

describe("style", () => {
  it("finds the sources", () => {
    assert.ok(sources.includes("src/base/bytes.ts"));
    for (const layer of pureLayers)
      assert.ok(
        sources.some((file) => file.startsWith(`${layer}/`)),
        layer,
      );
  });

  it("pure layers have no clock, no chance and nothing asynchronous", () => {
    const found: string[] = [];
    for (const file of sources) {
      if (!pureLayers.some((layer) => file.startsWith(`${layer}/`)) || isTest(file)) continue;
      for (const [index, line] of withoutComments(text(file)).split("\n").entries()) {
        for (const [pattern, why] of impure)
          if (pattern.test(line)) found.push(`${file}:${index + 1} ${why}`);
      }
    }
    assert.deepEqual(found, []);
  });

  it("files say by their names what they are", () => {
    const vague = /(^|[-.])(index|utils?|helpers?|common|managers?|misc)([-.]|$)/;
    assert.deepEqual(
      sources.filter((file) => vague.test(basename(file))),
      [],
    );
  });

  it(`files have at most ${LINES_MAX} lines`, () => {
    const long = sources
      .filter((file) => !tables.includes(file))
      .map((file) => ({ file, lines: text(file).split("\n").length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX);
    assert.deepEqual(long, []);
    // The list of exceptions holds no file that is gone or short.
    for (const file of tables) assert.ok(text(file).split("\n").length > LINES_MAX, file);
  });

  it("every layer has a README.md of about one screen", () => {
    const layers = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const without = layers
      .map(({ name }) => join("src", name, "README.md"))
      .filter((file) => !existsSync(join(root, file)));
    assert.deepEqual(without, []);
  });

  it("sees what it is there to see", () => {
    const sample = "const a = 1; // Date.now() in a comment\n/* await this */ const b = 'x'; await c();";
    const lines = withoutComments(sample).split("\n");
    assert.deepEqual(
      lines.map((line) => impure.filter(([pattern]) => pattern.test(line)).length),
      [0, 1],
    );
  });
});

function isTest(file: string): boolean {
  return file.endsWith(".test.ts") || file.endsWith(".test-data.ts");
}

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** The code with its comments blanked, so that line numbers stay. */
function withoutComments(code: string): string {
  return code
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

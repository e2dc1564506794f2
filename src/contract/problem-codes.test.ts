import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { problemCodes } from "./problem-codes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("every code in the sources is in the list", () => {
  // "custom" is zod's own word for an issue, not a problem.
  const known = new Set([...Object.keys(problemCodes), "custom"]);
  const unknown = globSync("src/**/*.ts", { cwd: root })
    .filter((file) => !file.includes(".test"))
    .flatMap((file) => {
      const codes = readFileSync(`${root}/${file}`, "utf8").matchAll(/\bcode: "([a-z][a-z0-9-]*)"/g);
      return Array.from(codes, ([, code = ""]) => code)
        .filter((code) => !known.has(code))
        .map((code) => `${file}: ${code}`);
    });
  assert.deepEqual(unknown, [], "add them to problem-codes.ts and docs/guide/document.md");
});

it("the guide lists every code with the same words", () => {
  // The formatter pads the cells of tables.
  const guide = readFileSync(`${root}/docs/guide/document.md`, "utf8").replace(/ +/g, " ");
  const missing = Object.entries(problemCodes).filter(
    ([code, meaning]) => !guide.includes(`| \`${code}\` | ${meaning} |\n`),
  );
  assert.deepEqual(missing, []);
});

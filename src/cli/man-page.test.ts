import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { commandsOf } from "./command-tree.ts";
import { manPages } from "./man-page.ts";
import { wholeProgram } from "./program.ts";

const program = await wholeProgram();
const pages = manPages(program, { version: "0.1.0", date: "2026-11-01" });

/** What a formatter finds fault with, and how it shows the page. */
function formatted(words: readonly string[], text: string): { readonly out: string; readonly err: string } {
  const [command = "", ...args] = words;
  const { stdout, stderr, error } = spawnSync(command, args, { input: text, encoding: "utf8" });
  if (error !== undefined) throw new Error(`this test needs ${command}: apt-get install mandoc groff-base`);
  return { out: stdout, err: stderr };
}

describe("man pages", () => {
  it("there is one for every command, and one for all", () => {
    assert.deepEqual(
      pages.map(({ file }) => file),
      [
        "tocha.1",
        ...commandsOf(program).flatMap(({ words }) => (words.length === 1 ? [`tocha-${words[0]}.1`] : [])),
      ],
    );
  });

  for (const { file, text } of pages) {
    it(`mandoc and groff find no fault with ${file}`, () => {
      assert.equal(formatted(["mandoc", "-Tlint", "-Wstyle"], text).out, "");
      assert.equal(formatted(["groff", "-man", "-ww", "-Tutf8", "-z"], text).err, "");
    });
  }

  it("they are seen to find fault", () => {
    const broken = `${pages[0]?.text}.NOSUCH\n`;
    assert.notEqual(formatted(["mandoc", "-Tlint", "-Wstyle"], broken).out, "");
    assert.notEqual(formatted(["groff", "-man", "-ww", "-Tutf8", "-z"], broken).err, "");
  });

  it("everything that the help says is on the page, characters of the formatter included", () => {
    for (const { words, command } of commandsOf(program)) {
      const page = pages.find(({ file }) => file === `tocha${words.length === 0 ? "" : `-${words[0]}`}.1`);
      const { out } = formatted(["mandoc", "-Tascii", "-O", "width=200"], page?.text ?? "");
      // Overstruck characters are bold; lines are filled.
      const shown = out.replace(/.[\b]/g, "").replace(/\s+/g, " ");
      for (const option of command.options)
        if (!option.hidden) assert.ok(shown.includes(option.description.slice(0, 30)), option.flags);
      assert.ok(shown.includes(["tocha", ...words].join(" ")), words.join(" "));
    }
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type CommandPlace, commandsOf, helpTextOf } from "./command-tree.ts";
import { exitStatus, exitStatusMeanings } from "./exit-status.ts";
import { wholeProgram } from "./program.ts";

const commands = commandsOf(await wholeProgram());
const root = join(import.meta.dirname, "../..");

function name({ words }: CommandPlace): string {
  return ["tocha", ...words].join(" ");
}

describe("the help", () => {
  it("knows the commands", () => {
    const names = commands.map(name);
    for (const known of ["tocha status", "tocha lab power-off", "tocha failover history show"])
      assert.ok(names.includes(known), known);
  });

  for (const place of commands) {
    it(`of ${name(place)} says what it does, with examples of itself`, () => {
      const { command } = place;
      assert.ok(command.description().length > 10);
      const { examples } = helpTextOf(command);
      const own = examples.filter((line) => line.includes(name(place)));
      assert.ok(own.length > 0, `no example of "${name(place)}" in:\n${examples.join("\n")}`);
      for (const line of examples) assert.ok(line.length <= 130, line);
    });

    it(`of ${name(place)} describes every option and argument`, () => {
      for (const option of place.command.options) assert.ok(option.description.length > 5, option.flags);
      for (const argument of place.command.registeredArguments)
        assert.ok(argument.description.length > 2, argument.name());
    });

    it(`of ${name(place)}: -o, where there is one, is text, json or yaml`, () => {
      const output = place.command.options.find((option) => option.long === "--output");
      if (output === undefined) return;
      assert.equal(output.short, "-o");
      assert.deepEqual(output.argChoices, ["text", "json", "yaml"]);
      assert.equal(output.defaultValue, "text");
    });
  }
});

describe("exit statuses", () => {
  const table = readFileSync(join(root, "docs/guide/commands.md"), "utf8");
  const rows = [...table.matchAll(/^\| (\d+) +\| (.+?) +\|$/gm)].map(([, status, meaning]) => [
    Number(status),
    meaning,
  ]);

  it("are in the guide with the words of the program", () => {
    assert.deepEqual(
      rows,
      Object.entries(exitStatusMeanings).map(([status, meaning]) => [Number(status), meaning]),
    );
    assert.deepEqual(
      rows.map(([status]) => status),
      Object.values(exitStatus),
    );
  });
});

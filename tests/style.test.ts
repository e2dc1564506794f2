// What biome cannot check of the project's style (CONTRIBUTING.md).
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");
const LINES_MAX = 400;

/** Tables, which are read by looking up and not from top to bottom; they may be longer than a head can hold. */
const tables: readonly string[] = [
  "src/contract/bad-documents.test-data.ts",
  // One story after the other; each is read by itself.
];

/** Layers that get time and chance as arguments and return effects: the same inputs give the same outputs. */
const pureLayers = ["src/base", "src/wire", "src/contract", "src/import", "src/core"];

const impure: readonly [RegExp, string][] = [
  [/\bDate\.now\b/, "Date.now: time is an argument"],
  [/\bnew Date\(/, "new Date(: time is an argument"],
  [/\bMath\.random\b/, "Math.random: chance is a seeded generator, given as an argument"],
  [/\basync\s/, "async: effects are returned, not awaited"],
  [/\bawait\s/, "await: effects are returned, not awaited"],
];

/** What lets a process wait for a disk, a name server, another program or an answer. */
const waits = new Set(
  ["fs", "fs/promises", "child_process", "dns", "dns/promises", "net", "tls", "http", "https", "sqlite"].map(
    (name) => `node:${name}`,
  ),
);

/** Where what the failover role loads may do so all the same, and why nothing waits for it. */
const knownWaits: readonly string[] = [
  // Files of /proc/sys: the kernel answers them from memory.
  "src/daemon/drivers/virtual-mac.ts: node:fs",
  // The channel of the other roles; this one has BlockingChannel, and takes from here what concerns its title and signals.
  "src/daemon/role-channel.ts: node:net",
  // Files of /proc, once at the start.
  "src/linux/processors.ts: node:fs",
  "src/linux/program-memory.ts: node:fs",
  "src/linux/real-time.ts: node:fs",
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

  it("what the failover role loads waits for no disk, no name server and no program", () => {
    const loaded = loadedBy("src/daemon/roles/failover.ts");
    assert.ok(loaded.has("src/core/election/election.ts") && loaded.has("src/linux/libc.ts"));
    const found = [...loaded].flatMap(([file, from]) =>
      from.filter((name) => waits.has(name)).map((name) => `${file}: ${name}`),
    );
    assert.deepEqual(found.sort(), knownWaits);
  });

  it("what every command loads before it is known is small: schemas, YAML and clients come with the commands", () => {
    const loaded = loadedBy("src/cli/main.ts", { lazily: false });
    assert.ok(loaded.has("src/cli/program.ts") && loaded.has("src/cli/connections-program.ts"));
    const packages = [...loaded].flatMap(([file, from]) =>
      from.filter((name) => !name.startsWith(".")).map((name) => `${file}: ${name}`),
    );
    assert.deepEqual(
      packages.filter((one) => !/: (commander|node:util)$/.test(one)),
      [],
    );
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

/**
 * Every file that this one loads, by itself or through others, with what each imports at run time.
 *
 * @param lazily whether what is imported only when it is needed counts as well
 */
function loadedBy(first: string, { lazily: isLazyToo = true } = {}): ReadonlyMap<string, readonly string[]> {
  const loaded = new Map<string, readonly string[]>();
  const waiting = [first];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (loaded.has(file)) continue;
    const code = withoutComments(text(file));
    // Imports of types are gone at run time. `import()` and `export … from` are found, too.
    const imports = /^(?:import|export)\b(?! type\b)(?:[^;"'=]*\bfrom)?\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
    const from = [...code.matchAll(imports)].flatMap(([, name = "", lazily]) => {
      return lazily === undefined ? [name] : isLazyToo ? [lazily] : [];
    });
    loaded.set(file, from);
    for (const name of from) if (name.startsWith(".")) waiting.push(join(dirname(file), name));
  }
  return loaded;
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

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { manPages } from "../src/cli/man-page.ts";
import { wholeProgram } from "../src/cli/program.ts";

/**
 * Writes packaging/man/*.1 from the help of the program. With --check nothing is written, and the exit status is 1 when a page
 * is not what it would be.
 */
const folder = new URL("../packaging/man/", import.meta.url);
const isCheck = process.argv.includes("--check");
const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const version =
  typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "";
// The day of the version stands in the list of changes; until there is one, the pages have the month of the first.
const changes = readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8");
const date = new RegExp(`^## ${version}, (\\d{4}-\\d{2}-\\d{2})`, "m").exec(changes)?.[1] ?? "2026-11-01";

const pages = manPages(await wholeProgram(), { version, date });
mkdirSync(folder, { recursive: true });
const known = readdirSync(folder).filter((name) => name.endsWith(".1"));
const stale = known.filter((name) => !pages.some((page) => page.file === name));
const changed = pages.filter(({ file, text }) => !known.includes(file) || read(file) !== text);
if (isCheck) {
  for (const name of [...stale, ...changed.map((page) => page.file)])
    process.stderr.write(`packaging/man/${name} is not what the help says: npm run man\n`);
  process.exitCode = stale.length + changed.length > 0 ? 1 : 0;
} else {
  for (const name of stale) rmSync(new URL(name, folder));
  for (const { file, text } of changed) writeFileSync(new URL(file, folder), text);
}

function read(name: string): string {
  return readFileSync(new URL(name, folder), "utf8");
}

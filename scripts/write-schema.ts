import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { openApiDocument } from "../src/api/openapi.ts";
import { clusterDocumentJsonSchema } from "../src/contract/cluster-document.ts";
import { operations } from "../src/contract/operations.ts";
import { version } from "../src/daemon/version.ts";

/**
 * Writes schema/cluster.schema.json, by which editors complete and check cluster documents, and schema/openapi.json, the
 * description of the API. With --check, only says which of them are not what the sources make of them.
 */
const folder = new URL("../schema/", import.meta.url);
const files: Readonly<Record<string, object>> = {
  "cluster.schema.json": clusterDocumentJsonSchema(),
  "openapi.json": openApiDocument(operations, version),
};

mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(files)) {
  const file = new URL(name, folder);
  const text = `${JSON.stringify(content, null, 2)}\n`;
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (text !== readFileSync(file, "utf8")) {
    process.stderr.write(`schema/${name} is out of date: npm run schema\n`);
    process.exitCode = 1;
  }
}

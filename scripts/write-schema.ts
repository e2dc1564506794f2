import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { openApiDocument } from "../src/api/openapi.ts";
import { clusterDocumentJsonSchema } from "../src/contract/cluster-document.ts";
import { documentReference } from "../src/contract/document-reference.ts";
import { operations } from "../src/contract/operations.ts";
import { version } from "../src/daemon/version.ts";

/**
 * Writes what is made of the schemas: schema/cluster.schema.json, by which editors complete and check cluster documents,
 * schema/openapi.json, the description of the API, and docs/guide/reference.md, all keys of the document for people. With
 * --check, only says which of them are not what the sources make of them.
 */
const root = new URL("../", import.meta.url);
const files: Readonly<Record<string, string>> = {
  "schema/cluster.schema.json": json(clusterDocumentJsonSchema()),
  "schema/openapi.json": json(openApiDocument(operations, version)),
  "docs/guide/reference.md": documentReference(clusterDocumentJsonSchema()),
};

mkdirSync(new URL("schema/", root), { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, root);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (text !== written(file)) {
    process.stderr.write(`${name} is out of date: npm run schema\n`);
    process.exitCode = 1;
  }
}

function json(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

function written(file: URL): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { clusterDocumentJsonSchema } from "./cluster-document.ts";

it("schema/cluster.schema.json is up to date (npm run schema writes it)", () => {
  const written: unknown = JSON.parse(
    readFileSync(new URL("../../schema/cluster.schema.json", import.meta.url), "utf8"),
  );
  assert.deepEqual(written, JSON.parse(JSON.stringify(clusterDocumentJsonSchema())));
});

import { mkdirSync, writeFileSync } from "node:fs";
import { clusterDocumentJsonSchema } from "../src/contract/cluster-document.ts";

/** Writes schema/cluster.schema.json, by which editors complete and check cluster documents. */
const folder = new URL("../schema/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(
  new URL("cluster.schema.json", folder),
  `${JSON.stringify(clusterDocumentJsonSchema(), null, 2)}\n`,
);

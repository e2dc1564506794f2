// Writes tests/golden/flow-records.txt anew:   bash scripts/node.sh tests/golden/write-records.ts
import { writeFileSync } from "node:fs";
import { makeRecords, renderRecords } from "./record-samples.ts";

writeFileSync(new URL("flow-records.txt", import.meta.url), renderRecords(makeRecords()));

import { readFileSync, writeFileSync } from "node:fs";
import { readDocument } from "../src/contract/read-document.ts";
import { gatewayRuleset } from "../src/core/ruleset/gateway-rules.ts";
import { rulesetText } from "../src/core/ruleset/ruleset-text.ts";

const { document } = readDocument(readFileSync("examples/provider.yaml", "utf8"), "f");
if (document === undefined) throw new Error();
const { tables } = gatewayRuleset(document, "gw1");
const short = tables.map((table) => ({
  ...table,
  sets: table.sets.map((set) =>
    set.elements.length > 20
      ? { ...set, elements: [...set.elements.slice(0, 2), ...set.elements.slice(-2)] }
      : set,
  ),
}));
writeFileSync("src/core/ruleset/nat-rules.golden.nft", rulesetText({ tables: short }));

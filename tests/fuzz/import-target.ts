import assert from "node:assert/strict";
import {
  conntrackdOfNode,
  iptablesSave,
  keepalivedOfNode,
  nftablesConf,
  twoNodes,
} from "../../src/import/configs.test-data.ts";
import { campusFirewall, iptablesFilter } from "../../src/import/firewall-configs.test-data.ts";
import { type ImportResult, importCluster } from "../../src/import/import-cluster.ts";
import { readNode } from "../../src/import/node-config.ts";
import { REMARKS_MAX, Remarks } from "../../src/import/remark.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

/** To make a document and check it takes a hundred times as long as to read a file. */
const WHOLE_SHARE = 0.1;

/** The configurations of other programs, as anybody may have mangled them. Most of a file is enough to be read. */
export function importTarget(): FuzzTarget {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const keepalived = keepalivedOfNode({ router: "gw1", lan: "10.1.0.2", wan: "192.0.2.2", priority: 110 });
  return {
    corpus: [
      bytes(keepalived),
      bytes(conntrackdOfNode("10.255.0.1", "10.255.0.2")),
      bytes(nftablesConf),
      bytes(iptablesSave),
      bytes(campusFirewall),
      bytes(iptablesFilter),
      bytes("default via 192.0.2.254 dev eth1\nip -6 route add fd00:9::/64 via fd00:1::fe metric 5\n"),
      bytes("include a\n@gw1 $A=1\nglobal_defs {\n}\n$B=$A\n~SEQ(V, 1, 9) virtual_router_id $V\n"),
    ],
    run: (input, random) => {
      const text = new TextDecoder().decode(input);
      const source = { file: "hostile.conf", text };
      const include = () => [source];
      if (random() > WHOLE_SHARE) {
        const remarks = new Remarks();
        readNode({ name: "gw1", files: [source] }, { remarks, include });
        return remarks.list.length === 0 ? "silent" : "read";
      }
      const result = importCluster({
        ...twoNodes,
        nodes: [{ name: "gw1", files: [source] }, twoNodes.nodes[1]],
        ...known,
        include,
      });
      return judge(result);
    },
  };
}

/** What people have told: so that a file that is mostly whole gives a document. */
const known = {
  devices: [
    { role: "lan", device: "eth0" },
    { role: "wan", device: "eth1" },
    { role: "sync", device: "eth2" },
  ],
  addresses: ["gw1", "gw2"].flatMap((node, index) => [
    { node, interface: "lan", address: `10.1.0.${index + 2}/24` },
    { node, interface: "wan", address: `192.0.2.${index + 2}/24` },
    { node, interface: "sync", address: `10.255.0.${index + 1}/24` },
  ]),
};

function judge({ text, missing, problems, remarks }: ImportResult): string {
  assert.ok(remarks.length <= REMARKS_MAX);
  for (const { line, text: shown, why, kind, hint } of remarks) {
    assert.ok(kind !== "opened" || hint !== undefined, why);
    assert.ok(Number.isInteger(line) && line >= 1);
    assert.ok(shown.length <= 300 && why.length > 0 && why.length < 300);
  }
  assert.equal(text === undefined, missing.length > 0, "a document, or what it lacks");
  if (missing.length > 0) return "missing";
  return problems.length > 0 ? "invalid" : ACCEPTED;
}

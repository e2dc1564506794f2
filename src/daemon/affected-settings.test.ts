import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalJson } from "../contract/document-revision.ts";
import { type AffectedPart, affectedParts } from "../core/config/affected-parts.ts";
import { changed, parsed, singleChanges, wholeDocument } from "../core/config/changes.test-data.ts";
import { type NodeSettings, nodeSettings } from "./node-settings.ts";

/** What each role takes from its settings, as its source shows. What it is told anew without a restart is left out. */
const taken = {
  failover: ({ node, pulseKeys, groups, peers, pulsePaths, ports, arbiter, keysDirectory }) => ({
    ...{ node, pulseKeys, peers, pulsePaths, keysDirectory },
    groups: groups.map(({ checks: _checks, ...group }) => group),
    port: ports.pulses,
    hasArbiter: arbiter !== undefined,
  }),
  replicator: ({ cluster, node, groups, peers, sync, ports, refreshMs, document, keysDirectory }) => ({
    ...{ cluster, node, peers, port: ports.replication, refreshMs, keysDirectory },
    groups: groups.map(({ name, intervalMs, faces }) => ({
      ...{ name, intervalMs, routed: document.groups[name]?.routedNetworks },
      // Its own addresses the role reads from the kernel, when it starts: they are to be those of the document by then.
      own: faces.map(({ addresses }) => addresses),
      faces: faces.map(({ virtualAddresses }) =>
        virtualAddresses.map(({ address, prefixLength }) => ({ address, prefixLength })),
      ),
    })),
    sync: sync.address,
    flags: [document.replication.shortExchanges, document.replication.marks],
    hasHelpers: document.nat.helpers.length > 0,
    interface: document.replication.interface,
  }),
  supervisor: ({ groups, document }) => ({
    logLevel: document.logging.level,
    groups: groups.map(({ name, intervalMs, faces }) => ({
      ...{ name, intervalMs },
      faces: faces.map(({ device, virtualAddresses }) => ({ device, virtualAddresses })),
    })),
  }),
  keys: ({ keysDirectory }) => keysDirectory,
} as const satisfies Partial<Record<AffectedPart, (settings: NodeSettings) => unknown>>;

const before = parsed(wholeDocument);

function settingsOf(document: typeof before, node: string): NodeSettings {
  const place = {
    configFile: "/cluster.yaml",
    runDirectory: "/run/tocha",
    stateDirectory: "/var/lib/tocha",
  };
  return nodeSettings({ document, node, ...place }, [new Uint8Array(32)]);
}

describe("affectedParts and what the roles take from their settings", () => {
  for (const edit of singleChanges) {
    it(`agree on ${edit.path.join(".")} = ${JSON.stringify(edit.value)}`, () => {
      const after = changed(edit);
      for (const node of ["gw1", "gw2"]) {
        const [then, now] = [settingsOf(before, node), settingsOf(after, node)];
        const affected = affectedParts(before, after, node);
        for (const part of ["failover", "replicator", "supervisor", "keys"] as const) {
          const differs = canonicalJson(taken[part](then)) !== canonicalJson(taken[part](now));
          assert.equal(affected.has(part), differs, `${part} of ${node}`);
        }
      }
    });
  }
});

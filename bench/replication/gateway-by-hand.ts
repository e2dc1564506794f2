import { readFileSync } from "node:fs";
import { ProblemError } from "../../src/base/problem.ts";
import type { ClusterDocument } from "../../src/contract/cluster-document.ts";
import { readDocument } from "../../src/contract/read-document.ts";
import { gatewaySysctls } from "../../src/core/gateway-sysctls.ts";
import { renderGatewayRules } from "../../src/core/ruleset/gateway-rules.ts";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { labAddresses, namespaceOf } from "../../src/lab/lab-plan.ts";
import { ipBatch, runCommand, setSysctls } from "../../src/lab/run-command.ts";

export interface GatewayByHand {
  /** Whether the rules limit events to what replication needs, or leave the kernel's default: all of them. */
  readonly events: "limited" | "all";
  /** UDP port of a replication protocol that is not to be tracked. */
  readonly untrackedPort?: number;
}

/**
 * Makes a node of a lab a gateway without tocha's daemon: the same sysctls and rules that the daemon would load.
 *
 * What is left out: the rules that let the node answer for virtual addresses only while the daemon lives.
 */
export async function setUpGateway(lab: string, node: string, options: GatewayByHand): Promise<void> {
  const document = labClusterDocument(lab);
  const namespace = namespaceOf(lab, node);
  await setSysctls(
    namespace,
    Object.fromEntries(gatewaySysctls(document, node).map(({ name, value }) => [name, value])),
  );
  const input = rulesByHand(renderGatewayRules(document, node), options);
  await runCommand("ip", ["netns", "exec", namespace, "nft", "-f", "-"], { input });
}

/** The virtual IPv4 addresses go to the active node: nobody else needs them here. */
export async function addVirtualAddresses(lab: string, node: string): Promise<void> {
  await ipBatch(namespaceOf(lab, node), [
    `address add ${labAddresses.virtual.lan[0]} dev lan`,
    `address add ${labAddresses.virtual.wan[0]} dev wan`,
  ]);
}

/** Adapts rendered rules. @throws Error when they no longer contain what is to be taken out */
export function rulesByHand(rules: string, { events, untrackedPort }: GatewayByHand): string {
  let lines = without(rules.split("\n"), /^\s*(icmpv6 .*|arp .*)meta mark != 0x/, 1);
  if (events === "all") lines = withoutEventLimits(lines);
  if (untrackedPort === undefined) return lines.join("\n");
  const hooks = [
    ["in", "prerouting"],
    ["out", "output"],
  ] as const;
  const chains = hooks.map(
    ([name, hook]) =>
      `table inet bench {\n  chain ${name} {\n    type filter hook ${hook} priority raw; policy accept;\n    udp dport ${untrackedPort} notrack\n  }\n}\n`,
  );
  return `${lines.join("\n")}\n${chains.join("")}`;
}

/** Whatever the chain for forwarded packets says about events is taken out; the node's own connections stay as they are. */
function withoutEventLimits(lines: readonly string[]): string[] {
  const begin = lines.findIndex((line) => /^\s*chain forwarded \{/.test(line));
  const end = lines.findIndex((line, index) => index > begin && /^\s*\}/.test(line));
  const chain = without(lines.slice(begin, end), /ct event set /, 1);
  return [...lines.slice(0, begin), ...chain, ...lines.slice(end)];
}

function without(lines: readonly string[], pattern: RegExp, atLeast: number): string[] {
  const kept = lines.filter((line) => !pattern.test(line));
  if (lines.length - kept.length < atLeast) throw new Error(`the gateway rules have no line like ${pattern}`);
  return kept;
}

function labClusterDocument(lab: string): ClusterDocument {
  const file = documentPath(lab);
  const read = readDocument(readFileSync(file, "utf8"), file);
  if (read.document === undefined) throw new ProblemError(read.problems[0]);
  return read.document;
}

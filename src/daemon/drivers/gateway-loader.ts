import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { validIp } from "../../base/ip.ts";
import { gatewaySysctls, sysctlPath } from "../../core/gateway-sysctls.ts";
import type { Helper } from "../../core/ruleset/gateway-event-rules.ts";
import { gatewayRuleset } from "../../core/ruleset/gateway-rules.ts";
import { missingFlowKinds } from "../../linux/conntrack-kinds.ts";
import {
  listOwnConnections,
  type OwnConnection,
  untrackConnections,
} from "../../linux/tracked-connections.ts";
import type { NodeSettings } from "../node-settings.ts";
import { RulesLoader, type Say } from "./rules-loader.ts";

export interface LoadOptions {
  /** Gets, in words, what this kernel does not have and the rules must do without, and how the rules were loaded. */
  readonly say?: Say;
}

/**
 * Sets the node's sysctls and loads its rules, in one transaction: only what has changed, where the rules that were loaded before
 * are still there. May be called again at any time, with other settings.
 *
 * @returns what went wrong, in words; no rules are half loaded
 */
export async function loadGateway(
  settings: NodeSettings,
  { say = () => {} }: LoadOptions = {},
): Promise<string[]> {
  const failures = setSysctls(settings);
  const without = missingHelpers(settings);
  for (const helper of without) say("warning", withoutHelper(helper));
  // Connections of this node may be older than the rules that say that they are not tracked, for the roles start together; and one
  // that ends meanwhile leaves no socket to find it by.
  const before = listOwn(settings);
  const rules = gatewayRuleset(settings.document, settings.node, without);
  const failure = await rulesLoader(settings, say).load(rules);
  if (failure !== undefined) failures.push(failure);
  else untrackConnections([...before, ...listOwn(settings)]);
  return failures;
}

/**
 * Asks whether the kernel would take a node's sysctls and rules; nothing is changed.
 *
 * @returns why not, in words
 */
export async function checkGateway(settings: NodeSettings): Promise<string[]> {
  const { document, node } = settings;
  const missing = gatewaySysctls(document, node).flatMap(({ name }) =>
    existsSync(sysctlPath(name)) ? [] : [`sysctl ${name}: this kernel does not have it`],
  );
  const rules = gatewayRuleset(document, node, missingHelpers(settings));
  return [...missing, ...(await rulesLoader(settings, () => {}).check(rules))];
}

/** @returns what somebody else has changed of this node's rules since they were loaded, in words; undefined for nothing */
export async function lookAtGateway(settings: NodeSettings): Promise<string | undefined> {
  return await rulesLoader(settings, () => {}).look();
}

/** Sets the node's sysctls, those that have another value. @returns what went wrong, in words */
export function setSysctls({ document, node }: NodeSettings): string[] {
  return gatewaySysctls(document, node).flatMap(({ name, value }) => setSysctl(name, value) ?? []);
}

function rulesLoader({ runDirectory }: NodeSettings, say: Say): RulesLoader {
  return new RulesLoader(join(runDirectory, "loaded-rules.json"), say);
}

function withoutHelper(helper: Helper): string {
  return `this kernel has no helper "${helper}" of nat.helpers: what it would expect does not come through`;
}

function listOwn({ sync, peers, ports }: NodeSettings): OwnConnection[] {
  return listOwnConnections({
    address: validIp(sync.address),
    peers: peers.map(({ syncAddress }) => validIp(syncAddress)),
    ports: [ports.replication, ports.control],
  });
}

/** The kernel refuses all rules because of one helper that it does not have. */
function missingHelpers({ document }: NodeSettings): Helper[] {
  const { helpers } = document.nat;
  const missing = new Set(missingFlowKinds(helpers.map((helper) => `helper ${helper}` as const)));
  return helpers.filter((helper) => missing.has(`helper ${helper}`));
}

function setSysctl(name: string, value: string | number): string | undefined {
  const path = sysctlPath(name);
  try {
    if (readFileSync(path, "utf8").trim() !== String(value)) writeFileSync(path, String(value));
    return undefined;
  } catch (error) {
    return `sysctl ${name}=${value}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { validIp } from "../../base/ip.ts";
import type { StatusProblem } from "../../contract/status.ts";
import { gatewaySysctls, sysctlPath } from "../../core/gateway-sysctls.ts";
import type { Helper } from "../../core/ruleset/gateway-event-rules.ts";
import { renderGatewayRules } from "../../core/ruleset/gateway-rules.ts";
import { missingFlowKinds } from "../../linux/conntrack-kinds.ts";
import {
  listOwnConnections,
  type OwnConnection,
  untrackConnections,
} from "../../linux/tracked-connections.ts";
import type { NodeSettings } from "../node-settings.ts";

const NFT_LIMIT_MS = 30_000;

/**
 * Sets the node's sysctls and loads its rules, in one transaction.
 *
 * @param onLack gets, in words, what this kernel does not have and the rules must do without
 * @returns what went wrong, in words; nothing is half loaded
 */
export async function loadGateway(
  settings: NodeSettings,
  onLack: (text: string) => void = () => {},
): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, value } of gatewaySysctls(settings.document, settings.node)) {
    const failure = setSysctl(name, value);
    if (failure !== undefined) failures.push(failure);
  }
  const without = missingHelpers(settings);
  for (const helper of without) {
    onLack(
      `this kernel has no helper "${helper}" of nat.helpers: what it would expect does not come through`,
    );
  }
  // Connections of this node may be older than the rules that say that they are not tracked, for the roles start together; and one
  // that ends meanwhile leaves no socket to find it by.
  const before = listOwn(settings);
  const failure = await runNft(renderGatewayRules(settings.document, settings.node, without));
  if (failure !== undefined) failures.push(failure);
  else untrackConnections([...before, ...listOwn(settings)]);
  return failures;
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

function runNft(script: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"], timeout: NFT_LIMIT_MS });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
    });
    child.stdin.on("error", () => {}); // nft that ends early says why on its standard error.
    child.on("error", (error) => resolve(`cannot run nft: ${error.message}`));
    child.on("close", (code) => resolve(code === 0 ? undefined : `nft refused the rules: ${said.trim()}`));
    child.stdin.end(script);
  });
}

export function gatewayProblem(node: string, message: string, retryMs: number): StatusProblem {
  return {
    severity: "error",
    node,
    code: "gateway-not-loaded",
    message,
    hint: `On ${node}: tocha check, nft --version, and dmesg; it is tried again every ${retryMs / 1_000} s.`,
  };
}

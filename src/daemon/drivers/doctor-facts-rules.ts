import { readFileSync } from "node:fs";
import * as z from "zod";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { renderGatewayRules } from "../../core/ruleset/gateway-rules.ts";
import { nftComplaint } from "../../core/ruleset/nft-complaint.ts";
import type { NodeSettings } from "../node-settings.ts";
import { askForJson, runLimited } from "./limited-program.ts";

// libnftables-json(5); what is not needed is left out.
const chainList = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
      rule: z.object({ expr: z.array(z.record(z.string(), z.unknown())) }).optional(),
    }),
  ),
});

const families: ReadonlySet<string> = new Set(["ip", "ip6", "inet"]);

/**
 * Whether nft and the kernel would take the rules of a node; nothing is loaded.
 *
 * @param lackingKinds kinds of connections that the kernel does not take; undefined where that is not known
 * @returns why not, in words
 */
export async function rulesRefusals(
  { document, node }: NodeSettings,
  lackingKinds: readonly string[] | undefined,
): Promise<string[]> {
  const { helpers } = document.nat;
  if (lackingKinds === undefined && helpers.length > 0)
    throw new Error("no role has said which helpers there are");
  // The rules are made without these (gateway-loader.ts).
  const without = helpers.filter((helper) => lackingKinds?.includes(`helper ${helper}`));
  const input = renderGatewayRules(document, node, without);
  const { status, err } = await runLimited("nft", ["-c", "-f", "-"], { input });
  if (status === null) throw new Error(`nft gives no answer: ${err.split("\n")[0]}`);
  return status === 0 ? [] : [`nft refuses the rules: ${nftComplaint(err)}`];
}

/** Chains of others that forwarded packets pass, in nftables and in the iptables from before. */
export async function foreignChainFacts(): Promise<NodeFacts["foreignChains"]> {
  const list = chainList.safeParse(await askForJson("nft", ["-j", "list", "chains"]));
  if (!list.success) throw new Error("nft does not list the chains");
  const chains = list.data.nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
  const foreign = chains.filter(
    ({ family, table, hook }) => hook === "forward" && families.has(family) && !isOurs(table),
  );
  const found = await Promise.all(
    foreign.map(async ({ family, table, name, policy }) => ({
      ...{ family, table, chain: name },
      dropsByPolicy: policy === "drop",
      droppingRules: await countDropping(family, table, name),
      owner: chains.some((one) => one.table === table && one.name.startsWith("DOCKER")) ? "docker" : null,
    })),
  );
  return [...found, ...(await legacyFacts())];
}

/** `tocha`, and those that watch over it, such as `tocha-alive`. */
function isOurs(table: string): boolean {
  return table === "tocha" || table.startsWith("tocha-");
}

async function countDropping(family: string, table: string, chain: string): Promise<number> {
  const list = chainList.safeParse(await askForJson("nft", ["-j", "list", "chain", family, table, chain]));
  if (!list.success) return 0; // It has gone meanwhile.
  return list.data.nftables.filter(({ rule }) => rule?.expr.some(drops) ?? false).length;
}

/** `xt`: a rule of iptables, whose REJECT nft only knows by name. */
function drops(expression: Record<string, unknown>): boolean {
  if ("drop" in expression || "reject" in expression) return true;
  const { xt } = expression;
  return JSON.stringify(xt ?? "").includes('"REJECT"');
}

async function legacyFacts(): Promise<NodeFacts["foreignChains"]> {
  if (!hasLegacyFilter()) return [];
  const { status, out } = await runLimited("iptables-legacy", ["-S"]);
  if (status !== 0) return [];
  const lines = out.split("\n");
  const dropping = lines.filter((line) => /^-A FORWARD .*-j (DROP|REJECT)\b/.test(line)).length;
  return [
    {
      family: "iptables-legacy",
      table: "filter",
      chain: "FORWARD",
      dropsByPolicy: lines.includes("-P FORWARD DROP"),
      droppingRules: dropping,
      owner: lines.some((line) => line.startsWith("-N DOCKER")) ? "docker" : null,
    },
  ];
}

function hasLegacyFilter(): boolean {
  try {
    return readFileSync("/proc/net/ip_tables_names", "utf8").split("\n").includes("filter");
  } catch {
    return false; // The module is not loaded.
  }
}

import {
  formatIp,
  formatNetwork,
  type IpNetwork,
  networkBase,
  networkContains,
  parseNetwork,
} from "../base/ip.ts";
import type { AddressTools } from "./assemble-addresses.ts";
import { documentName, freeName } from "./config-values.ts";
import type { SourceTranslation } from "./nat-facts.ts";
import type { NodeConfig } from "./node-config.ts";

/** A document has at most so many networks in a rule, and rules. */
const NETWORKS_MAX = 256;
const RULES_MAX = 1_024;

/** `nat.source` of the document. Nodes that say the same say it once. */
export function assembleTranslations(
  nodes: readonly NodeConfig[],
  virtual: ReadonlyMap<string, string>,
  tools: AddressTools,
): unknown[] {
  const rules: (Rule & { readonly id: string })[] = [];
  const seen = new Set<string>();
  const taken = new Set<string>();
  for (const node of nodes) {
    for (const translation of node.translations) {
      const rule = ruleOf(translation, node, virtual, tools);
      if (rule === undefined) continue;
      const key = JSON.stringify(rule);
      if (seen.has(key)) continue;
      if (rules.length >= RULES_MAX) {
        tools.remarks.lost(translation.at, `a document has at most ${RULES_MAX} source translations`);
        continue;
      }
      seen.add(key);
      const reachable = withoutCovered(rule, rules);
      if (reachable === undefined) {
        tools.remarks.lost(translation.at, "an earlier rule matches first: this one never does");
        continue;
      }
      const id = freeName(documentName(translation.name ?? "", `${rule.out}-${rules.length + 1}`), taken);
      rules.push({ id, ...reachable });
    }
  }
  return rules;
}

/** Without the networks that lie within one of an earlier rule; undefined when none is left. */
function withoutCovered(rule: Rule, earlier: readonly Rule[]): Rule | undefined {
  const before = earlier.filter(({ out }) => out === rule.out).flatMap(({ from }) => networksOf(from));
  const left = networksOf(rule.from).filter((one) => !before.some((other) => within(other, one)));
  const [only, ...others] = left.map(formatNetwork);
  if (only === undefined) return undefined;
  return { ...rule, from: others.length > 0 ? [only, ...others] : only };
}

function networksOf(from: Rule["from"]): IpNetwork[] {
  return [from].flat().flatMap((text) => parseNetwork(text) ?? []);
}

function within(outer: IpNetwork, inner: IpNetwork): boolean {
  return outer.prefixLength <= inner.prefixLength && networkContains(outer, inner.address);
}

interface Rule {
  readonly from: string | string[];
  readonly out: string;
  readonly to: string;
}

/** @param virtual the role of each virtual address */
function ruleOf(
  translation: SourceTranslation,
  node: NodeConfig,
  virtual: ReadonlyMap<string, string>,
  { interfaces, remarks }: AddressTools,
): Rule | undefined {
  const { at, from, family, device, to } = translation;
  const target = to === "masquerade" ? undefined : parseNetwork(to);
  const address = target === undefined ? undefined : formatIp(target.address);
  const out =
    device === undefined
      ? address === undefined
        ? undefined
        : virtual.get(address)
      : interfaces.roleOf(node.name, device);
  if (out === undefined) {
    remarks.lost(
      at,
      "it does not say by which interface the packets leave",
      'Add oifname "DEVICE" (iptables: -o DEVICE) to the rule, and import again.',
    );
    return undefined;
  }
  if (address !== undefined && virtual.get(address) !== out) {
    remarks.lost(
      at,
      `${address} is no virtual address of "${out}": it would stay behind when the node dies`,
      "Add it to virtual_ipaddress, or translate to a virtual address.",
    );
    return undefined;
  }
  const networks = sourcesOf(from, address === undefined ? family : address.includes(":") ? 6 : 4);
  if (networks === undefined || networks.length > NETWORKS_MAX) {
    remarks.lost(
      at,
      "its sources are not networks",
      "Write them as networks, such as 10.1.0.0/24, and import again.",
    );
    return undefined;
  }
  const [only = "", ...others] = networks;
  return { from: others.length > 0 ? networks : only, out, to: address ?? "masquerade" };
}

function sourcesOf(from: readonly string[], family: 4 | 6 | undefined): string[] | undefined {
  if (from.length === 0) return family === 6 ? ["::/0"] : ["0.0.0.0/0"];
  const networks = from.map((text) => parseNetwork(text));
  const known = networks.flatMap((network) =>
    network === undefined ? [] : [formatNetwork(networkBase(network))],
  );
  return known.length === networks.length ? [...new Set(known)] : undefined;
}

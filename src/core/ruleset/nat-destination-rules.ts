import type { ClusterDocument, ClusterNode, ForwardRule } from "../../contract/cluster-document.ts";
import { type PortRange, validPortRange } from "../../contract/nat-schema.ts";
import { homeOf } from "../../contract/nat-targets.ts";
import { inward, onlyHere } from "./nat-one-to-one-rules.ts";
import { keywordOf, set } from "./nft-words.ts";
import type { Rule } from "./ruleset.ts";

/**
 * What comes to an outside address and belongs to a host behind the gateway: port forwards, then what is translated one to one. They
 * count wherever a packet comes from, so that hosts behind the gateway reach each other by outside addresses too (hairpin).
 */
export function destinationRules(document: ClusterDocument, node: ClusterNode): Rule[] {
  return [
    ...document.nat.forward.map((rule) => forwardRule(rule, document, node)),
    ...document.nat.oneToOne.map((rule) => inward(rule, document, node)),
  ];
}

function forwardRule(rule: ForwardRule, document: ClusterDocument, node: ClusterNode): Rule {
  const keyword = keywordOf(rule.address);
  const home = homeOf(document, rule.address) ?? "";
  const from = rule.hairpin ? "" : `iifname "${node.interfaces[home]?.device ?? ""}" `;
  const sources = rule.from === undefined ? "" : ` ${keyword} saddr ${set(rule.from)}`;
  const header = rule.protocol === "both" ? "th" : rule.protocol;
  const protocol = rule.protocol === "both" ? " meta l4proto { tcp, udp }" : "";
  const target = keyword === "ip" ? rule.target : `[${rule.target}]`;
  const ports = targetPorts(rule, header);
  return {
    match: `${from}${onlyHere(document, rule.address)}${keyword} daddr ${rule.address}${sources}${protocol} ${header} dport ${rule.port}`,
    verdict: `counter dnat ${keyword} to ${ports === "" ? rule.target : `${target}:${ports}`}`,
    comment: rule.id,
  };
}

/** Empty where ports stay as they are. The kernel would choose any free port of a range, so each is mapped to its own. */
function targetPorts({ port: text, targetPort }: ForwardRule, header: string): string {
  const port = validPortRange(text);
  if (targetPort === undefined || targetPort === port.first) return "";
  if (port.first === port.last) return String(targetPort);
  return `${header} dport map { ${shifted(port, targetPort).join(", ")} }`;
}

function shifted({ first, last }: PortRange, target: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index} : ${target + index}`);
}

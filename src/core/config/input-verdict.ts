import { formatIp, type IpAddress, parseNetwork } from "../../base/ip.ts";
import { type IpRange, parseIpRange, rangesContain } from "../../base/ip-range.ts";
import { portsContain } from "../../base/port-range.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { FirewallRule } from "../../contract/firewall-schema.ts";
import { setNameOf } from "../../contract/match-scalars.ts";
import { type RuleScope, RuleScopes } from "../../contract/rule-scope.ts";
import { setsOf } from "../ruleset/set-rules.ts";

/** A new TCP connection to a gateway itself. */
export interface Knock {
  readonly from: IpAddress;
  /** The role of the interface that it comes in by; undefined for a device that the document does not know. */
  readonly interface: string | undefined;
  readonly port: number;
  /** The gateway's address that it is for; undefined for any of them. */
  readonly to?: IpAddress | undefined;
}

/** `depends`: on what a knock does not say, such as the port that it comes from. */
export type Verdict = "passes" | "dropped" | "depends";

/** A rule with what it matches, and what becomes of a connection then. */
interface Step {
  readonly scope: RuleScope;
  readonly verdict: "passes" | "dropped";
  /** The rule of the document; undefined where it is none. */
  readonly id?: string;
}

/** What a gateway does with connections to itself, in the order of src/core/ruleset/firewall-own-rules.ts. */
export class InputFirewall {
  readonly #steps: readonly Step[];
  readonly #default: "passes" | "dropped";
  readonly #closed: readonly string[];

  constructor(document: ClusterDocument) {
    const rules = ownRules(document);
    const scopes = new RuleScopes(setsOf({ ...document, sets: setsNamedBy(rules, document) }));
    this.#steps = rules.flatMap(({ rule, isOfDocument }): Step[] => {
      const scope = scopes.of(rule);
      if (scope === undefined) return [];
      const verdict = rule.action === "accept" ? "passes" : "dropped";
      return [{ scope, verdict, ...(isOfDocument ? { id: rule.id } : {}) }];
    });
    this.#default = document.firewall?.input?.default === "drop" ? "dropped" : "passes";
    this.#closed = Object.values(document.groups)
      .filter(({ acceptMode }) => !acceptMode)
      .flatMap(({ addresses }) => Object.values(addresses).flat())
      .flatMap((text) => parseNetwork(text)?.address ?? [])
      .map(formatIp);
  }

  /** @returns the verdict, and the rule of the document that gives it, or may forbid it, where there is one */
  verdict(knock: Knock): { readonly verdict: Verdict; readonly rule?: string | undefined } {
    if (knock.to !== undefined && this.#closed.includes(formatIp(knock.to))) return { verdict: "dropped" };
    const from = parseIpRange(formatIp(knock.from));
    const to = knock.to === undefined ? undefined : parseIpRange(formatIp(knock.to));
    const possible = new Set<"passes" | "dropped">();
    let forbidding: string | undefined;
    for (const { scope, verdict, id } of this.#steps) {
      const isMet = meets(scope, knock, from, to);
      if (isMet === "no") continue;
      possible.add(verdict);
      if (verdict === "dropped") forbidding ??= id;
      if (isMet === "yes")
        return possible.size === 1 ? { verdict, rule: id } : { verdict: "depends", rule: forbidding };
    }
    possible.add(this.#default);
    return { verdict: possible.size === 1 ? this.#default : "depends", rule: forbidding };
  }

  /** The addresses at which verdicts may change, for connections to one of these ports: those that are let in first. */
  sources(ports: readonly number[]): { readonly range: IpRange; readonly verdict: "passes" | "dropped" }[] {
    const steps = this.#steps.filter(({ scope }) => ports.some((port) => isForPort(scope, port)));
    return [
      ...steps.filter(({ verdict }) => verdict === "passes"),
      ...steps.filter(({ verdict }) => verdict === "dropped"),
    ].flatMap(({ scope, verdict }) => (scope.from?.ranges ?? []).map((range) => ({ range, verdict })));
  }
}

interface InputRule {
  readonly rule: FirewallRule;
  /** Else it is one that tocha makes. */
  readonly isOfDocument: boolean;
}

/** Everything that counts for TCP to a gateway, in its order; nothing where the document filters nothing. */
function ownRules({ firewall, management, api }: ClusterDocument): InputRule[] {
  if (firewall?.input === undefined) return [];
  const accept = (parts: Partial<FirewallRule>): InputRule => ({
    rule: { id: "", action: "accept", log: false, protocol: ["tcp"], ...parts },
    isOfDocument: false,
  });
  const apiPorts = api === undefined ? [] : [api.port];
  return [
    ...(management === undefined
      ? []
      : [
          accept({
            in: management.interfaces,
            from: management.from,
            ports: [...management.ports, ...apiPorts].map(String),
          }),
        ]),
    ...firewall.input.rules.map((rule) => ({ rule, isOfDocument: true })),
    ...(api === undefined || management !== undefined
      ? []
      : [accept({ in: [api.interface], ports: apiPorts.map(String) })]),
  ];
}

/** Sets may be large, and most are for what goes through. */
function setsNamedBy(
  rules: readonly InputRule[],
  { sets }: Pick<ClusterDocument, "sets">,
): ClusterDocument["sets"] {
  const names = new Set(
    rules
      .flatMap(({ rule }) => [rule.from, rule.to, rule.ports, rule.sourcePorts])
      .flatMap((texts) => texts ?? [])
      .flatMap((text) => setNameOf(text) ?? []),
  );
  return Object.fromEntries(Object.entries(sets).filter(([name]) => names.has(name)));
}

function isForPort({ protocols, ports }: RuleScope, port: number): boolean {
  if (protocols !== undefined && !protocols.has("tcp")) return false;
  return ports === undefined || portsContain(ports, [{ first: port, last: port }]);
}

/** Programs take ports from here on for connections of theirs (RFC 6056 3.2). */
const ephemeral = { first: 1_024, last: 65_535 };

function meets(
  scope: RuleScope,
  knock: Knock,
  from: IpRange | undefined,
  to: IpRange | undefined,
): "yes" | "no" | "maybe" {
  if (!isForPort(scope, knock.port)) return "no";
  if (scope.in !== undefined && (knock.interface === undefined || !scope.in.has(knock.interface)))
    return "no";
  if (scope.from !== undefined && (from === undefined || !rangesContain(scope.from.ranges, [from])))
    return "no";
  if (scope.to !== undefined && to !== undefined && !rangesContain(scope.to.ranges, [to])) return "no";
  if (scope.sourcePorts?.every(({ last }) => last < ephemeral.first) === true) return "no";
  const isOpen =
    (scope.to !== undefined && to === undefined) ||
    (scope.sourcePorts !== undefined && !portsContain(scope.sourcePorts, [ephemeral]));
  return isOpen ? "maybe" : "yes";
}

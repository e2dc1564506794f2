import type { AddressTools } from "./assemble-addresses.ts";
import { documentName, freeName } from "./config-values.ts";
import { type DocumentRule, DocumentRules } from "./document-rule.ts";
import { type DeviceRoles, filterHints, isFault } from "./filter-facts.ts";
import { isUnconditional } from "./filter-match.ts";
import type { FlatRule, FlatRules } from "./flat-rules.ts";
import { FilterFlattening } from "./flatten-filter.ts";
import type { NodeConfig } from "./node-config.ts";
import type { Remarks } from "./remark.ts";

// `firewall` of the document, of the base chains for what is forwarded and for what comes to the nodes themselves.

const hooks = ["forward", "input"] as const;

/** A chain of the document before its rules have ids. */
interface Chain {
  readonly byDefault: "accept" | "drop";
  readonly rules: readonly FlatRule[];
}

export interface AssembledFirewall {
  readonly sets?: Readonly<Record<string, unknown>>;
  readonly firewall?: Readonly<Record<string, unknown>>;
  readonly logging?: unknown;
}

/** @param hasForwards whether the document forwards ports */
export function assembleFirewall(
  nodes: readonly NodeConfig[],
  hasForwards: boolean,
  { interfaces, remarks }: AddressTools,
): AssembledFirewall {
  const documentRules = new DocumentRules(remarks);
  const firewalls = nodes.map((node) => {
    const devices: DeviceRoles = {
      roles: interfaces.roles,
      roleOf: (device) => interfaces.roleOf(node.name, device),
    };
    return { node, chains: chainsOf(node, hasForwards, devices, remarks) };
  });
  const [model, ...others] = firewalls;
  if (model === undefined) return {};
  const taken = new Set<string>();
  const firewall: Record<string, unknown> = {};
  for (const hook of hooks) {
    const chain = model.chains[hook];
    const rules = (chain?.rules ?? []).map((rule, index) => {
      const id = freeName(documentName(rule.name ?? "", `${hook}-${index + 1}`), taken);
      return { rule, id, written: documentRules.written(rule, id) };
    });
    for (const other of others)
      compare(
        hook,
        { name: model.node.name, chain, rules },
        { name: other.node.name, chain: other.chains[hook] },
        documentRules,
        remarks,
      );
    if (chain === undefined || (chain.byDefault === "accept" && rules.length === 0)) continue;
    firewall[hook] = {
      default: chain.byDefault,
      ...(rules.length === 0 ? {} : { rules: rules.map(({ id, written }) => ({ id, ...written })) }),
    };
  }
  if (Object.keys(firewall).length === 0) return {};
  const sets = documentRules.setsOf(firewall);
  const logging = loggingOf(
    hooks.flatMap((hook) => model.chains[hook]?.rules ?? []),
    remarks,
  );
  return {
    ...(Object.keys(sets).length === 0 ? {} : { sets }),
    firewall,
    ...(logging === undefined ? {} : { logging }),
  };
}

function chainsOf(
  node: NodeConfig,
  hasForwards: boolean,
  devices: DeviceRoles,
  remarks: Remarks,
): Readonly<Partial<Record<(typeof hooks)[number], Chain>>> {
  const chains: Partial<Record<(typeof hooks)[number], Chain>> = {};
  const visited = new Set<unknown>();
  const lists: FlatRules[] = [];
  for (const hook of hooks) {
    const flattening = new FilterFlattening(node.filters, { hook, devices, remarks });
    for (const chain of flattening.visited) visited.add(chain);
    lists.push(flattening.flat);
    if (flattening.isEmpty) continue;
    const { rules, hasPortForwards } = flattening.flat;
    chains[hook] = finished(rules, hook === "forward" && hasForwards, hasPortForwards, remarks);
    if (hook === "input" && chains[hook].byDefault === "drop") {
      const at = node.filters.find((chain) => chain.isFilter && chain.hook === hook)?.at;
      if (at !== undefined)
        remarks.changed(
          at,
          "before its rules tocha lets in what the nodes say to each other, neighbour discovery and DHCP answers",
          "Say in management from where the gateways are administered (docs/guide/firewall.md).",
        );
    }
  }
  for (const list of lists)
    for (const at of list.unmatchedBeside(lists)) remarks.needless(at, "no packet comes to it");
  for (const chain of node.filters) {
    if (visited.has(chain)) continue;
    const name = chain.name.slice(0, 40);
    const isUnused = chain.isFilter && chain.hook === undefined;
    const why = isUnused
      ? `nothing that is carried over goes to the chain "${name}"`
      : `a rule of the chain "${name}" is not carried over`;
    for (const source of chain.rules) {
      const stops = source
        .read(devices)
        .some((one) => (isFault(one) ? one.mayStop : !/^(accept|none)$/.test(one.verdict.kind)));
      if (stops && !isUnused) remarks.opened(source.at, why, filterHints.opened);
      else remarks.lost(source.at, why, filterHints.lost);
    }
    if (!isUnused && chain.policy === "drop")
      remarks.opened(chain.at, `the chain "${name}" drops what no rule accepts`, filterHints.opened);
  }
  return chains;
}

/** The last rule that takes everything becomes the default, as far as that does the same. */
function finished(
  all: readonly FlatRule[],
  hasForwards: boolean,
  acceptsForwards: boolean,
  remarks: Remarks,
): Chain {
  const rules = [...all];
  const takesAll = (rule: FlatRule | undefined) =>
    rule !== undefined && isUnconditional(rule.match) && rule.bounds === undefined && rule.log === undefined;
  let byDefault: Chain["byDefault"] = "accept";
  const last = rules.at(-1);
  if (last !== undefined && takesAll(last) && last.match.family === undefined && last.verdict !== "reject") {
    byDefault = last.verdict;
    rules.pop();
  }
  const closing = rules.at(-1);
  if (
    closing !== undefined &&
    closing.verdict !== "accept" &&
    isUnconditional(closing.match) &&
    closing.match.family === undefined
  )
    byDefault = "drop";
  const before = rules.at(-1);
  const { family } = before?.match ?? {};
  if (byDefault === "accept" && before?.verdict === "drop" && family !== undefined && takesAll(before)) {
    // One family is dropped, the other is not filtered: the same the other way round leaves the default to port forwards.
    const other = family === 4 ? 6 : 4;
    rules.pop();
    byDefault = "drop";
    rules.push({
      ...before,
      verdict: "accept",
      match: { family: other },
      name: `ipv${other}-is-not-filtered`,
    });
    remarks.changed(
      before.at,
      `these files do not filter IPv${other}, and a rule of the document says so`,
      "If other files do, import them as well.",
    );
  }
  if (!hasForwards) return { byDefault, rules };
  const end = rules.at(-1);
  const closes =
    end !== undefined &&
    isUnconditional(end.match) &&
    end.match.family === undefined &&
    end.verdict !== "accept";
  if (acceptsForwards && closes) {
    // Port forwards come behind all rules: a rule that takes everything would forbid them.
    rules.pop();
    remarks.changed(end.at, "it is the default of the document, which drops without an answer and a log");
    byDefault = "drop";
  } else if (!acceptsForwards && !closes && byDefault === "drop" && all[0] !== undefined) {
    // In the document a port forward is let in unless a rule forbids it; here nothing let it in.
    const at = all.at(-1)?.at ?? all[0].at;
    rules.push({
      at,
      match: {},
      verdict: "drop",
      log: undefined,
      bounds: undefined,
      name: "everything-else",
    });
  }
  return { byDefault, rules };
}

interface OfNode<Rules> {
  readonly name: string;
  readonly chain: Chain | undefined;
  readonly rules?: Rules;
}

/** The document has one firewall: where the nodes differ, it is the first one's. */
function compare(
  hook: string,
  model: OfNode<readonly { readonly rule: FlatRule; readonly written: DocumentRule }[]>,
  other: OfNode<never>,
  documentRules: DocumentRules,
  remarks: Remarks,
): void {
  const words = (written: DocumentRule) => JSON.stringify(written);
  const theirs = (other.chain?.rules ?? []).map((rule) => ({
    rule,
    written: documentRules.written(rule, ""),
  }));
  const here = (model.rules ?? []).map(({ rule, written }) => ({ rule, key: words(written) }));
  const there = theirs.map(({ rule, written }) => ({ rule, key: words(written) }));
  const isEqual = here.map(({ key }) => key).join("\n") === there.map(({ key }) => key).join("\n");
  if (isEqual && model.chain?.byDefault === other.chain?.byDefault) return;
  const [hereKeys, thereKeys] = [here, there].map((list) => new Set(list.map(({ key }) => key)));
  const first = here[0] ?? there[0];
  if (first !== undefined)
    remarks.opened(
      first.rule.at,
      `${other.name} has another firewall.${hook} than ${model.name}: the document has that of ${model.name}`,
      "Look at both, and write into the document what both shall have.",
    );
  for (const { rule, key } of here)
    if (rule.verdict === "accept" && thereKeys?.has(key) !== true)
      remarks.opened(rule.at, `${other.name} does not have this rule today`, filterHints.opened);
  for (const { rule, key } of there) {
    if (hereKeys?.has(key) === true) continue;
    const why = `${model.name} does not have this rule: it is not in the document`;
    if (rule.verdict === "accept") remarks.lost(rule.at, why, filterHints.lost);
    else remarks.opened(rule.at, why, filterHints.opened);
  }
}

/** The document says once what stands before the lines of all rules. */
function loggingOf(rules: readonly FlatRule[], remarks: Remarks): unknown {
  const logs = rules.flatMap(({ at, log }) => (log === undefined ? [] : [{ at, ...log }]));
  const [first, ...others] = logs;
  if (first === undefined) return undefined;
  const isCommon = others.every((one) => one.prefix === first.prefix);
  const prefix = isCommon && /^[A-Za-z0-9 _.:-]{1,32}$/.test(first.prefix ?? "") ? first.prefix : undefined;
  const { group } = logs.find((one) => one.group !== undefined) ?? {};
  const hasGroup = group !== undefined && Number.isInteger(group) && group >= 0 && group <= 65_535;
  for (const one of logs) {
    const begins = `its lines begin with "${prefix ?? "tocha "}" and the rule's id, up to ten a second`;
    remarks.changed(one.at, one.group === group ? begins : `${begins}, and go to the log of all rules`);
  }
  if (prefix === undefined && !hasGroup) return undefined;
  return { firewall: { ...(prefix === undefined ? {} : { prefix }), ...(hasGroup ? { group } : {}) } };
}

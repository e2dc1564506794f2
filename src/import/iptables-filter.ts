import type { DeviceRoles, FilterBounds, FilterFault, FilterRule } from "./filter-facts.ts";
import { addressTerm, deviceTerm, portTerm } from "./filter-terms.ts";
import { icmpTypeOf, protocolOf, rateOf } from "./protocol-names.ts";
import type { Place } from "./remark.ts";
import { RuleParts } from "./rule-parts.ts";

/** Matches whose options are read here. */
const modules =
  /^(tcp|udp|udplite|sctp|dccp|multiport|comment|state|conntrack|limit|connlimit|icmp|icmp6|iprange)$/;
/** Options without a value. */
const flags = [
  "--log-tcp-sequence",
  "--log-tcp-options",
  "--log-ip-options",
  "--log-uid",
  "--syn",
  "--connlimit-saddr",
];
const verdicts = { ACCEPT: "accept", DROP: "drop", RETURN: "return" } as const;

export interface IptablesContext {
  readonly at: Place;
  readonly family: 4 | 6;
  readonly devices: DeviceRoles;
}

/** Reads what follows `-A CHAIN`. Total. */
export function readIptablesFilter(
  words: readonly string[],
  context: IptablesContext,
): readonly (FilterRule | FilterFault)[] {
  const reader = new IptablesReader(words, context);
  const why = reader.read();
  if (why === undefined) return reader.parts.rule(context.at);
  const target = words[words.findIndex((word) => /^-[jg]$/.test(word)) + 1] ?? "";
  const mayStop = !/^(ACCEPT|LOG|NFLOG|RETURN|MARK|CONNMARK|TCPMSS)$/.test(target);
  return [{ at: context.at, why, mayStop, mayReturn: target === "RETURN" }];
}

class IptablesReader {
  readonly parts = new RuleParts();
  readonly #words: readonly string[];
  readonly #context: IptablesContext;
  #protocol: string | undefined;
  #prefix: string | undefined;
  #group: number | undefined;
  #target: string | undefined;
  #isLimit = false;

  constructor(words: readonly string[], context: IptablesContext) {
    this.#words = words;
    this.#context = context;
  }

  /** @returns why it cannot be carried over */
  read(): string | undefined {
    this.parts.also({ family: this.#context.family });
    for (let i = 0; i < this.#words.length; ) {
      const isExcluded = this.#words[i] === "!";
      if (isExcluded) i++;
      const option = this.#words[i++] ?? "";
      const value = flags.includes(option) ? "" : (this.#words[i++] ?? "");
      const fault = this.#option(option, value, isExcluded);
      if (fault !== undefined) return fault;
    }
    return this.#verdict();
  }

  #option(option: string, value: string, isExcluded: boolean): string | undefined {
    const { parts } = this;
    switch (option) {
      case "-i":
      case "-o": {
        const term = deviceTerm([value], this.#context.devices, isExcluded);
        return typeof term === "string" ? term : parts.devices(option === "-i" ? "in" : "out", term);
      }
      case "-s":
      case "-d":
      case "--src-range":
      case "--dst-range": {
        const term = addressTerm(value.split(","), this.#context.family, isExcluded);
        if (typeof term === "string") return term;
        return parts.also(/^(-s|--src-range)$/.test(option) ? { from: term } : { to: term });
      }
      case "--dport":
      case "--dports":
      case "--sport":
      case "--sports": {
        if (this.#protocol === undefined) return "it does not say of which protocol the ports are";
        const term = portTerm(value.split(",").map(portRange), isExcluded);
        if (typeof term === "string") return term;
        return parts.also(option.startsWith("--d") ? { ports: term } : { sourcePorts: term });
      }
      default:
    }
    if (option === "--connlimit-above" && !isExcluded) return this.#connections(value);
    if (isExcluded) return `the condition "! ${option.slice(0, 30)}" is not one of the document's`;
    return this.#plain(option, value);
  }

  /** Options that cannot be turned round. */
  #plain(option: string, value: string): string | undefined {
    switch (option) {
      case "-p":
        this.#protocol = protocolOf(value);
        if (this.#protocol === undefined) return "it names a protocol that the document does not have";
        return this.parts.also({ protocol: [this.#protocol] });
      case "-m":
        return modules.test(value)
          ? undefined
          : `the condition "-m ${value.slice(0, 30)}" is not one of the document's`;
      case "--state":
      case "--ctstate":
        return this.#states(value.split(","));
      case "--icmp-type":
      case "--icmpv6-type": {
        const protocol = this.#context.family === 4 ? "icmp" : "icmpv6";
        if (value === "any") return undefined;
        const type = icmpTypeOf(protocol, value);
        if (type === undefined) return "it names a type of ICMP that the document does not have";
        return this.parts.also({ protocol: [protocol], types: [type] });
      }
      case "--limit": {
        const limit = rateOf(value);
        this.#isLimit = true;
        return limit === undefined
          ? "the document limits connections in a second, a minute or an hour"
          : this.parts.bound({ limit }, false);
      }
      case "--connlimit-mask":
        return value === (this.#context.family === 4 ? "32" : "64")
          ? undefined
          : "the document counts the connections of an address, or of a /64 of IPv6";
      case "--comment":
        this.parts.name = value;
        return undefined;
      case "--log-prefix":
      case "--nflog-prefix":
        this.#prefix = value;
        return undefined;
      case "--nflog-group":
        this.#group = Number(value);
        return undefined;
      case "--reject-with":
        if (!/^(tcp-reset|icmp-admin-prohibited|icmp6-adm-prohibited)$/.test(value))
          this.parts.notes.push({
            why: "TCP gets a RST, everything else the answer that it is prohibited",
            ...{ takesMore: false, takesLess: false },
          });
        return undefined;
      case "-j":
      case "-g":
        this.#target = value;
        if (option === "-g") this.parts.verdict = { kind: "goto", chain: value };
        return undefined;
      case "--limit-burst":
      case "--log-level":
      case "--nflog-size":
      case "--nflog-threshold":
        return undefined;
      default:
        return flags.includes(option) && option !== "--syn"
          ? undefined
          : `the condition or action "${option.slice(0, 30)}" is not one of the document's`;
    }
  }

  #states(states: readonly string[]): string | undefined {
    if (states.join() === "DNAT") {
      this.parts.isForwarded = true;
      return undefined;
    }
    const known = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"];
    if (!states.every((state) => known.includes(state)))
      return "it names a state that the document does not have";
    return this.parts.withStates(states.map((state) => state.toLowerCase()));
  }

  #connections(value: string): string | undefined {
    const connections = Number(value);
    if (!Number.isInteger(connections) || connections < 1 || connections > 1_000_000)
      return "it counts connections in another way than the document";
    return this.parts.bound({ connections } satisfies FilterBounds, true);
  }

  #verdict(): string | undefined {
    const target = this.#target;
    if (this.parts.verdict.kind === "goto") return undefined;
    if (target === "LOG" || target === "NFLOG") {
      this.parts.log = { prefix: this.#prefix, group: target === "NFLOG" ? (this.#group ?? 0) : undefined };
      // A limit of lines: the document has one of its own.
      if (this.#isLimit) this.parts.bounds = undefined;
    } else if (target === "REJECT") this.parts.verdict = { kind: "reject" };
    else if (target !== undefined && Object.hasOwn(verdicts, target))
      this.parts.verdict = { kind: verdicts[target as keyof typeof verdicts] };
    else if (target !== undefined) this.parts.verdict = { kind: "jump", chain: target };
    return undefined;
  }
}

/** `1024:65535`, `:1023`. */
function portRange(text: string): string {
  const [, first, last] = /^([^:]*):([^:]*)$/.exec(text) ?? [];
  if (first === undefined || last === undefined) return text;
  return `${first === "" || first === "0" ? "1" : first}-${last === "" ? "65535" : last}`;
}

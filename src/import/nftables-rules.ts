import type { SourceFile } from "./block-file.ts";
import type { FilterChain } from "./filter-facts.ts";
import { type NatRules, natHints, type PortForward, type SourceTranslation } from "./nat-facts.ts";
import {
  type NftablesOptions,
  type NftChain,
  type NftRule,
  type NftWord,
  readNftables,
} from "./nftables-file.ts";
import { readNftFilter } from "./nftables-filter.ts";
import { readNftForward } from "./nftables-forward.ts";
import { NftTerms } from "./nftables-terms.ts";
import type { Remarks } from "./remark.ts";

/** The translations, forwards and filters of a file; what it is of another kind becomes a remark. */
export function readNftablesRules(source: SourceFile, options: NftablesOptions): NatRules {
  const { chains, sets } = readNftables(source, options);
  const terms = new NftTerms(sets, options.remarks);
  const nat = chains.filter((chain) => chain.type === "nat");
  const translations = nat.flatMap((chain) => {
    if (chain.policy === "drop")
      options.remarks.opened(
        chain.at,
        `the chain "${chain.name}" drops what no rule accepts`,
        natHints.filter,
      );
    return chain.rules.flatMap((rule) => translationOf(rule, chain, options.remarks));
  });
  const forwards = nat
    .filter(isForwards)
    .flatMap((chain) => chain.rules.flatMap((rule) => forwardOf(rule, options.remarks)));
  const filters = chains.flatMap((chain) => (chain.type === "nat" ? [] : [filterChain(chain, terms)]));
  return { translations, forwards, filters };
}

function filterChain(chain: NftChain, sets: NftTerms): FilterChain {
  const { at, family, table, name, hook, policy } = chain;
  return {
    ...{ at, name, hook, table: `${family} ${table}`, priority: priorityOf(chain.priority) },
    family: family === "ip" ? 4 : family === "ip6" ? 6 : undefined,
    policy: policy === "drop" ? "drop" : "accept",
    isFilter: ["ip", "ip6", "inet"].includes(family) && (chain.type ?? "filter") === "filter",
    rules: chain.rules.map((rule) => ({
      at: rule.at,
      read: (devices) => readNftFilter(rule, { chain, sets, devices }),
    })),
  };
}

/** Names of priorities (nft(8), CHAINS). */
const priorities: Readonly<Record<string, number>> = {
  ...{ raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 },
};

/** `0`, `-150`, `filter`, `filter + 10`. */
function priorityOf(text: string): number {
  const [, name = "", distance = "0"] = /^([a-z]*) *([+-]? *[0-9]*)$/.exec(text) ?? [];
  const base = Object.hasOwn(priorities, name) ? (priorities[name] ?? 0) : 0;
  return base + (Number(distance.replace(/ /g, "")) || 0);
}

function isForwards({ type, hook }: NftChain): boolean {
  return type === "nat" && hook === "prerouting";
}

function forwardOf({ at, words }: NftRule, remarks: Remarks): PortForward[] {
  const read = readNftForward(words);
  if (typeof read !== "string") return [{ at, ...read }];
  remarks.lost(at, read, natHints.forward);
  return [];
}

function translationOf(rule: NftRule, chain: NftChain, remarks: Remarks): SourceTranslation[] {
  const { at, words } = rule;
  if (chain.hook === "postrouting") {
    const read = new RuleReader(words).read();
    if (typeof read === "string") {
      remarks.lost(at, read, natHints.filter);
      return [];
    }
    if (read.options.length > 0)
      remarks.changed(at, `ports are chosen as the kernel does by default, not "${read.options.join(" ")}"`);
    const family = read.family ?? (chain.family === "ip" ? 4 : chain.family === "ip6" ? 6 : undefined);
    return [{ at, from: read.from, family, device: read.device, to: read.to, name: read.name }];
  }
  if (!isForwards(chain))
    remarks.lost(at, `a rule of the chain "${chain.name}" is not carried over`, natHints.forward);
  return [];
}

interface ReadRule {
  readonly from: readonly string[];
  readonly family: 4 | 6 | undefined;
  readonly device: string | undefined;
  readonly to: string;
  readonly name: string | undefined;
  /** Flags such as `random`. */
  readonly options: readonly string[];
}

/** Reads a rule of a chain that translates sources, word by word. */
class RuleReader {
  readonly #words: readonly NftWord[];
  #next = 0;
  #from: readonly string[] = [];
  #family: 4 | 6 | undefined;
  #device: string | undefined;
  #to: string | undefined;
  #name: string | undefined;
  readonly #options: string[] = [];

  constructor(words: readonly NftWord[]) {
    this.#words = words;
  }

  /** @returns why it cannot be carried over, or what it says */
  read(): ReadRule | string {
    while (this.#next < this.#words.length) {
      const fault = this.#part();
      if (fault !== undefined) return fault;
    }
    if (this.#to === undefined) return "the rule translates nothing";
    return {
      ...{ from: this.#from, family: this.#family, device: this.#device },
      ...{ to: this.#to, name: this.#name, options: this.#options },
    };
  }

  #part(): string | undefined {
    const word = this.#take();
    switch (word) {
      case "ip":
      case "ip6":
        this.#family = word === "ip" ? 4 : 6;
        return this.#take() === "saddr"
          ? this.#sources()
          : "only conditions on the source can be carried over";
      case "meta":
        return undefined;
      case "nfproto":
      case "protocol": {
        const family = this.#take();
        this.#family = family === "ipv6" || family === "ip6" ? 6 : 4;
        return undefined;
      }
      case "oifname":
      case "oif":
        return this.#leavesBy();
      case "counter":
        while (this.#peek() === "packets" || this.#peek() === "bytes") this.#next += 2;
        return undefined;
      case "comment":
        this.#name = textOf(this.#take());
        return undefined;
      case "masquerade":
        this.#to = "masquerade";
        return this.#flags();
      case "snat":
        return this.#target();
      default:
        return `the condition "${textOf(word).slice(0, 40)}" is not one of the document's`;
    }
  }

  #sources(): string | undefined {
    const word = this.#take();
    if (word === "!=" || word === undefined)
      return "a condition that excludes sources cannot be carried over";
    this.#from = typeof word === "string" ? [word] : word;
    return undefined;
  }

  #leavesBy(): string | undefined {
    const word = this.#take();
    const [device, ...others] = typeof word === "string" ? [word] : (word ?? []);
    if (device === undefined || device === "!=" || others.length > 0 || device.includes("*"))
      return "the document names one interface that packets leave by";
    this.#device = device;
    return undefined;
  }

  #target(): string | undefined {
    if (this.#peek() === "ip" || this.#peek() === "ip6") this.#family = this.#take() === "ip" ? 4 : 6;
    if (this.#peek() === "to") this.#next++;
    const word = this.#take();
    if (typeof word !== "string" || !/^[0-9a-fA-F.:]+(\/[0-9]+)?$/.test(word))
      return "the document translates to one address, not to ranges or maps";
    this.#to = word;
    return this.#flags();
  }

  #flags(): string | undefined {
    while (["random", "fully-random", "persistent"].includes(textOf(this.#peek()))) {
      this.#options.push(textOf(this.#take()));
      if (this.#peek() === ",") this.#next++;
    }
    return this.#peek() === "to" || this.#peek() === ":" ? "ports cannot be chosen" : undefined;
  }

  #peek(): NftWord | undefined {
    return this.#words[this.#next];
  }

  #take(): NftWord | undefined {
    return this.#words[this.#next++];
  }
}

function textOf(word: NftWord | undefined): string {
  return typeof word === "string" ? word : (word ?? []).join(" ");
}

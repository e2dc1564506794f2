import type { PortTerm } from "./filter-match.ts";
import { portTerm } from "./filter-terms.ts";
import type { NftTerms, NftValue } from "./nftables-terms.ts";
import type { NftToken } from "./nftables-tokens.ts";
import { icmpTypeOf, protocolOf } from "./protocol-names.ts";
import { RuleParts } from "./rule-parts.ts";

const portHeaders = ["tcp", "udp", "udplite", "sctp", "dccp", "th"];

/** Reads the conditions of a rule of nftables, word by word. */
export class NftMatches {
  readonly parts = new RuleParts();
  protected readonly sets: NftTerms;
  protected readonly chain: { readonly family: string; readonly table: string };
  readonly #tokens: readonly NftToken[];
  #next = 0;
  /** Protocols that a port of "th" is of. */
  #protocols: readonly string[] | undefined;

  constructor(
    tokens: readonly NftToken[],
    { sets, family, table }: { readonly sets: NftTerms; readonly family: string; readonly table: string },
  ) {
    this.#tokens = tokens;
    this.sets = sets;
    this.chain = { family, table };
  }

  peek(): NftToken | undefined {
    return this.#tokens[this.#next];
  }

  /** The next word; empty at the end. */
  text(): string {
    return this.peek()?.text ?? "";
  }

  take(): string | undefined {
    return this.#tokens[this.#next++]?.text;
  }

  skip(words: number): void {
    this.#next += words;
  }

  /** A condition on the packet. @returns why it cannot be carried over */
  condition(word: string): string | undefined {
    if (word === "ip" || word === "ip6") return this.#header(word === "ip" ? 4 : 6);
    if (portHeaders.includes(word)) return this.#ports(word);
    if (word === "icmp" || word === "icmpv6") return this.#types(word);
    if (word === "ct") return this.#ct();
    if (word === "l4proto" || word === "nfproto" || word === "protocol") {
      this.#next--;
      return this.meta();
    }
    return `the condition or action "${word.slice(0, 40)}" is not one of the document's`;
  }

  meta(): string | undefined {
    const key = this.take() ?? "";
    if (key === "l4proto") return this.#protocol(undefined);
    if (key !== "nfproto" && key !== "protocol")
      return `the condition "meta ${key.slice(0, 30)}" is not one of the document's`;
    const value = this.value();
    if (typeof value === "string") return value;
    const families = new Set(
      value.texts.map((text) => (/^(ipv4|ip)$/.test(text) ? 4 : /^(ipv6|ip6)$/.test(text) ? 6 : 0)),
    );
    if (families.has(0) || value.set !== undefined || value.isExcluded)
      return "the document knows IPv4 and IPv6";
    const [only, ...others] = families;
    return others.length > 0 || only === undefined
      ? undefined
      : this.parts.also({ family: only === 4 ? 4 : 6 });
  }

  #header(family: 4 | 6): string | undefined {
    const field = this.take() ?? "";
    this.parts.also({ family });
    if (field === "protocol" || field === "nexthdr") return this.#protocol(family);
    if (field !== "saddr" && field !== "daddr")
      return `the condition "ip ${field.slice(0, 30)}" is not one of the document's`;
    const value = this.value();
    if (typeof value === "string") return value;
    const term = this.sets.addresses(value, this.#set(value.set), family);
    if (typeof term === "string") return term;
    return this.parts.also(field === "saddr" ? { from: term } : { to: term });
  }

  #protocol(family: 4 | 6 | undefined): string | undefined {
    const value = this.value();
    if (typeof value === "string") return value;
    if (value.isExcluded) return "the document names protocols that it is for, not those that it is not for";
    const texts = value.set === undefined ? value.texts : this.setTexts(value.set);
    if (typeof texts === "string") return texts;
    const names = texts.map((text) => protocolOf(text));
    const known = names.flatMap((name) => name ?? []);
    if (known.length < texts.length) return "it names a protocol that the document does not have";
    this.#protocols = [...new Set(known)];
    return this.parts.also({ ...(family === undefined ? {} : { family }), protocol: this.#protocols });
  }

  #ports(header: string): string | undefined {
    const field = this.take() ?? "";
    if (field !== "dport" && field !== "sport")
      return `the condition "${header} ${field.slice(0, 30)}" is not one of the document's`;
    const protocol = header === "th" ? this.#protocols : [header];
    if (protocol === undefined) return "it does not say of which protocol the ports are";
    if (!protocol.every((one) => portHeaders.includes(one))) return "it names a protocol without ports";
    const term = this.#portValue();
    if (typeof term === "string") return term;
    return this.parts.also({ protocol, ...(field === "dport" ? { ports: term } : { sourcePorts: term }) });
  }

  #portValue(): PortTerm | string {
    const sign = this.text();
    if (/^[<>]=?$/.test(sign)) {
      this.skip(1);
      const port = Number(this.take());
      const range = sign.startsWith(">")
        ? `${sign === ">" ? port + 1 : port}-65535`
        : `1-${sign === "<" ? port - 1 : port}`;
      return portTerm([range], false);
    }
    const value = this.value();
    if (typeof value === "string") return value;
    return this.sets.ports(value, this.#set(value.set));
  }

  #types(protocol: "icmp" | "icmpv6"): string | undefined {
    if (this.take() !== "type") return "of ICMP, the document knows types";
    const value = this.value();
    if (typeof value === "string") return value;
    const texts = value.set === undefined ? value.texts : this.setTexts(value.set);
    if (typeof texts === "string") return texts;
    if (value.isExcluded) return "the document names types of ICMP that it is for";
    const types = texts.map((text) => icmpTypeOf(protocol, text));
    const known = types.flatMap((type) => type ?? []);
    if (known.length < types.length) return "it names a type of ICMP that the document does not have";
    return this.parts.also({
      family: protocol === "icmp" ? 4 : 6,
      protocol: [protocol],
      types: [...new Set(known)],
    });
  }

  #ct(): string | undefined {
    const key = this.take() ?? "";
    if (key !== "state" && key !== "status")
      return `the condition "ct ${key.slice(0, 30)}" is not one of the document's`;
    const value = this.value();
    if (typeof value === "string") return value;
    if (value.set !== undefined) return "states of connections in a named set are not carried over";
    if (key === "status") {
      if (value.isExcluded || value.texts.join() !== "dnat")
        return "of the status, tocha import knows dnat alone";
      this.parts.isForwarded = true;
      return undefined;
    }
    const states = ["new", "established", "related", "invalid", "untracked"];
    if (!value.texts.every((text) => states.includes(text)))
      return "it names a state of connections that nft does not have";
    return this.parts.withStates(
      value.isExcluded ? states.filter((one) => !value.texts.includes(one)) : value.texts,
    );
  }

  /** What a condition compares with: one word, several with commas, a set in braces, a named set. */
  value(): NftValue | string {
    const isExcluded = this.text() === "!=" || this.text() === "!";
    if (isExcluded || this.text() === "==") this.skip(1);
    const token = this.peek();
    this.skip(1);
    if (token === undefined) return "a condition lacks what it compares with";
    if (token.elements !== undefined) {
      const texts = this.sets.written(token.elements);
      return typeof texts === "string" ? texts : { texts, key: token.elements, set: undefined, isExcluded };
    }
    if (token.text.startsWith("@") && !token.isQuoted)
      return { texts: [], key: token, set: token.text.slice(1), isExcluded };
    if (token.text.startsWith("$") && !token.isQuoted)
      return `there is no definition of "${token.text.slice(0, 40)}"`;
    const texts = [token.text];
    if (this.text() === "-") {
      this.skip(1);
      texts[0] = `${token.text}-${this.take() ?? ""}`;
    }
    while (this.text() === "," && this.#tokens[this.#next + 1] !== undefined) {
      this.skip(1);
      texts.push(this.take() ?? "");
    }
    if ([".", "&", "|", "^", "and", "or"].includes(this.text()))
      return "the document has no conditions on bits or pairs";
    return { texts, key: token, set: undefined, isExcluded };
  }

  /** What a named set holds that the document writes out, such as one of interfaces. */
  setTexts(name: string): readonly string[] | string {
    return this.sets.texts(this.#set(name));
  }

  #set(name: string | undefined) {
    return name === undefined ? undefined : this.sets.find(this.chain.family, this.chain.table, name);
  }
}

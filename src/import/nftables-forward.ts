import { forwardTarget, type PortForward } from "./nat-facts.ts";
import type { NftWord } from "./nftables-file.ts";

type ReadForward = Omit<PortForward, "at">;

/** Reads a rule of a chain that translates destinations. @returns why it cannot be carried over, or what it says */
export function readNftForward(words: readonly NftWord[]): ReadForward | string {
  return new ForwardReader(words).read();
}

class ForwardReader {
  readonly #words: readonly NftWord[];
  #next = 0;
  #device: string | undefined;
  #address: string | undefined;
  #protocol: PortForward["protocol"] | undefined;
  #ports: readonly string[] = [];
  #from: readonly string[] = [];
  #target: { address: string; port: number | undefined } | undefined;
  #name: string | undefined;

  constructor(words: readonly NftWord[]) {
    this.#words = words;
  }

  read(): ReadForward | string {
    while (this.#next < this.#words.length) {
      const fault = this.#part();
      if (fault !== undefined) return fault;
    }
    if (this.#target === undefined) return "the rule forwards nothing to another host";
    if (this.#protocol === undefined || this.#ports.length === 0)
      return "the document forwards ports of tcp or udp, not whole addresses";
    return {
      ...{ device: this.#device, address: this.#address, protocol: this.#protocol, ports: this.#ports },
      ...{ from: this.#from, target: this.#target.address, targetPort: this.#target.port, name: this.#name },
    };
  }

  #part(): string | undefined {
    const word = this.#take();
    switch (word) {
      case "iif":
      case "iifname":
        return this.#one("the document knows one interface, or every one", (device) => {
          this.#device = device;
        });
      case "ip":
      case "ip6":
        return this.#addresses(this.#take());
      case "tcp":
      case "udp":
        this.#protocol = word;
        return this.#destinationPorts();
      case "th":
        return this.#destinationPorts();
      case "meta":
        return this.#meta();
      case "counter":
        while (this.#peek() === "packets" || this.#peek() === "bytes") this.#next += 2;
        return undefined;
      case "comment": {
        const name = this.#take();
        this.#name = typeof name === "string" ? name : undefined;
        return undefined;
      }
      case "dnat":
        return this.#to();
      default:
        return `the condition "${String(word).slice(0, 40)}" is not one of the document's`;
    }
  }

  #meta(): string | undefined {
    const key = this.#take();
    if (key !== "l4proto") {
      if (key === "iif" || key === "iifname") this.#next--;
      return key === "iif" || key === "iifname"
        ? undefined
        : `the condition "meta ${String(key).slice(0, 30)}" is not one of the document's`;
    }
    const protocols = [this.#take() ?? []].flat();
    const isBoth = protocols.length === 2 && protocols.includes("tcp") && protocols.includes("udp");
    this.#protocol = isBoth
      ? "both"
      : protocols[0] === "tcp" || protocols[0] === "udp"
        ? protocols[0]
        : undefined;
    return this.#protocol === undefined ? "the document forwards ports of tcp and udp" : undefined;
  }

  #addresses(field: NftWord | undefined): string | undefined {
    if (field === "saddr") {
      const word = this.#take();
      if (word === "!=" || word === undefined)
        return "a condition that excludes sources cannot be carried over";
      this.#from = [word].flat();
      return undefined;
    }
    if (field !== "daddr") return "only conditions on addresses can be carried over";
    return this.#one("the document forwards ports of one address", (address) => {
      this.#address = address;
    });
  }

  #destinationPorts(): string | undefined {
    if (this.#take() !== "dport") return "only conditions on the port that is asked for can be carried over";
    const ports = [this.#take() ?? []].flat();
    if (ports.length === 0 || ports.some((port) => !/^[0-9]{1,5}(-[0-9]{1,5})?$/.test(port)))
      return "its ports are not numbers";
    this.#ports = ports;
    return undefined;
  }

  #to(): string | undefined {
    if (this.#peek() === "ip" || this.#peek() === "ip6") this.#next++;
    if (this.#peek() === "to") this.#next++;
    const word = this.#take();
    this.#target = typeof word === "string" ? forwardTarget(word) : undefined;
    if (this.#target !== undefined) return undefined;
    return "the document forwards to one host, and to one port of it";
  }

  #one(fault: string, set: (word: string) => void): string | undefined {
    const [only, ...others] = [this.#take() ?? []].flat();
    if (only === undefined || only === "!=" || others.length > 0 || only.includes("*")) return fault;
    set(only);
    return undefined;
  }

  #peek(): NftWord | undefined {
    return this.#words[this.#next];
  }

  #take(): NftWord | undefined {
    return this.#words[this.#next++];
  }
}

import { NetlinkWriter } from "../wire/netlink.ts";
import { decodeGeneration, writeGenerationQuestion } from "../wire/nftables-generation.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** Asks which generation of nftables rules this namespace has: the same number means that nobody has changed any since. */
export class RulesGeneration {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  readonly #question: Uint8Array;

  constructor() {
    const writer = new NetlinkWriter(32);
    writeGenerationQuestion(writer);
    this.#question = writer.written();
  }

  /** Undefined where the kernel has no answer. */
  read(): number | undefined {
    let generation: number | undefined;
    this.#socket.transact(this.#question, (answer) => {
      const read = decodeGeneration(answer);
      if (typeof read === "number") generation = read;
    });
    return generation;
  }

  close(): void {
    this.#socket.close();
  }
}

import { NetlinkWriter } from "../wire/netlink.ts";
import { type LivenessTableOptions, writeLivenessTables } from "../wire/nftables-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/**
 * Tables that say to the kernel's own rules: this process is alive. They vanish with it (nftables tables with an owner,
 * Linux 5.12), so what they allow ends at the moment of its death, without anybody's help.
 */
export class LivenessTables {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });

  /** Throws KernelError: EOPNOTSUPP where the kernel has no owned tables, EEXIST or EPERM while another owner lives. */
  constructor(options: LivenessTableOptions) {
    const writer = new NetlinkWriter(4_096);
    writeLivenessTables(writer, options);
    try {
      this.#socket.request("liveness tables", writer.written());
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }
}

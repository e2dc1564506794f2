import { readFileSync } from "node:fs";
import { parseIp } from "../../base/ip.ts";
import { type MacAddress, parseMac } from "../../base/mac.ts";
import { PollSet } from "../../linux/poll.ts";
import { UdpSocket } from "../../linux/udp-socket.ts";

const DISCARD_PORT = 9;
const ATTEMPTS = 200;
const ATTEMPT_MS = 10;

/** The hardware address of one of this namespace's own devices. */
export function deviceMac(device: string): MacAddress {
  const mac = parseMac(readFileSync(`/sys/class/net/${device}/address`, "utf8").trim());
  if (mac === undefined) throw new Error(`${device} has no hardware address`);
  return mac;
}

/** The hardware address behind an IPv4 address on the link, as the kernel resolves it. Blocks for 2 s at most. */
export function neighbourMac(address: string): MacAddress {
  const to = parseIp(address);
  if (to === undefined) throw new Error(`no address: ${address}`);
  const socket = new UdpSocket({ address: new Uint8Array(4), port: 0 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const mac = arpEntry(address);
      if (mac !== undefined) return mac;
      // Any packet makes the kernel ask for the neighbour.
      socket.send(new Uint8Array(1), to, DISCARD_PORT);
      new PollSet([]).wait(ATTEMPT_MS);
    }
  } finally {
    socket.close();
  }
  throw new Error(`nobody answers for ${address}`);
}

/** How long a host may take to notice that its gateway is another machine now. */
const LOOK_MS = 50;

/**
 * The gateway of hosts whose frames are made here. Where it is they know from this namespace's kernel, which goes by announcements and
 * answers, as any host: whoever takes the sender of the last frame stays with a gateway that is none any more, for that one forwards, too.
 */
export class Gateway {
  readonly #address: string;
  #mac: MacAddress;
  #lookedMs = performance.now();

  /** Blocks for 2 s at most. */
  constructor(address: string) {
    this.#address = address;
    this.#mac = neighbourMac(address);
  }

  mac(nowMs: number): MacAddress {
    if (nowMs - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#mac = arpEntry(this.#address) ?? this.#mac;
    }
    return this.#mac;
  }
}

/** From /proc/net/arp (proc(5)): IP address, hardware type, flags (0x2: complete), hardware address, … */
function arpEntry(address: string): MacAddress | undefined {
  for (const line of readFileSync("/proc/net/arp", "utf8").split("\n")) {
    const [ip, , flags, mac = ""] = line.split(/\s+/);
    if (ip === address && (Number(flags) & 0x2) !== 0) return parseMac(mac);
  }
  return undefined;
}

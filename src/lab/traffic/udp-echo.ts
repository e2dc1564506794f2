/** Sends every datagram back to where it came from; runs in the WAN's namespace, in a tight loop. */
import { parseIp } from "../../base/ip.ts";
import { setRealTimePriority } from "../../linux/libc.ts";
import { PollSet } from "../../linux/poll.ts";
import { UdpSocket } from "../../linux/udp-socket.ts";
import { PolledCommands, workerOptions } from "./worker-side.ts";

export interface UdpEchoOptions {
  readonly address: string;
  readonly port: number;
}

// Above ordinary programs and below the gateways: the probe measures them, not the wait for a processor.
const PRIORITY = 5;

const options = workerOptions<UdpEchoOptions>();
const address = parseIp(options.address);
if (address === undefined) throw new Error(`no address: ${options.address}`);
const socket = new UdpSocket({ address, port: options.port });
const commands = new PolledCommands(() => ({ listening: true }));
const poll = new PollSet([commands.fd, socket.fd]);
const buffer = new Uint8Array(2_048);
setRealTimePriority(PRIORITY);

for (;;) {
  poll.wait(Number.POSITIVE_INFINITY);
  if (poll.readable(0)) commands.read();
  for (let from = socket.receive(buffer); from !== undefined; from = socket.receive(buffer)) {
    socket.send(buffer.subarray(0, from.length), from.address, from.port);
  }
}

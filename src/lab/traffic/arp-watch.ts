/** Asks the LAN again and again who has the virtual address, and notes who answers; runs in the LAN's namespace. */
import { DecodeError } from "../../base/decode-error.ts";
import { equalIp, validIp } from "../../base/ip.ts";
import { formatMac } from "../../base/mac.ts";
import { setRealTimePriority } from "../../linux/libc.ts";
import { PacketSocket } from "../../linux/packet-socket.ts";
import { PollSet } from "../../linux/poll.ts";
import { decodeArpReply, encodeArpRequest } from "../../wire/arp.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { AnswerOverlap } from "./answer-overlap.ts";
import { deviceMac } from "./neighbour.ts";
import { PolledCommands, type WorkerCommand, workerOptions } from "./worker-side.ts";

export interface ArpWatchOptions {
  readonly device: string;
  readonly from: string;
  readonly target: string;
}

export interface ArpWatchReport {
  /** The longest time in which two machines both answered for the address. */
  readonly answeredByTwoMs: number;
}

const ETHERTYPE_ARP = 0x0806;
const ASK_MS = 4;
// As the probe: above ordinary programs, below the gateways.
const PRIORITY = 5;

const options = workerOptions<ArpWatchOptions>();
const target = validIp(options.target);
const socket = new PacketSocket({ device: options.device, etherType: ETHERTYPE_ARP });
const question = encodeArpRequest({ mac: deviceMac(options.device), sender: validIp(options.from), target });
const overlap = new AnswerOverlap();
const commands = new PolledCommands(answer);
const poll = new PollSet([commands.fd, socket.fd]);
const frame = new Uint8Array(2_048);
setRealTimePriority(PRIORITY);

for (let askMs = monotonicMs(); ; ) {
  poll.wait(Math.max(0, askMs - monotonicMs()));
  if (poll.readable(0)) commands.read();
  for (let length = socket.receive(frame); length > 0; length = socket.receive(frame)) note(length);
  if (monotonicMs() < askMs) continue;
  socket.send(question);
  overlap.ask();
  askMs = monotonicMs() + ASK_MS;
}

function note(length: number): void {
  const reply = decodeArpReply(frame.subarray(0, length));
  if (reply instanceof DecodeError || !equalIp(reply.address, target)) return;
  overlap.answer(formatMac(reply.mac), monotonicMs());
}

function answer(command: WorkerCommand): ArpWatchReport {
  if (command.do === "mark") overlap.mark();
  return { answeredByTwoMs: overlap.longestMs };
}

/**
 * The services of the generator: answers every segment and datagram at once and remembers nothing; runs in the WAN's
 * namespace, one process a part.
 */

import { SERVICES } from "../../../src/lab/traffic/background-plan.ts";
import { destinationFilter } from "../../../src/lab/traffic/tcp-frame.ts";
import { PolledCommands, workerOptions } from "../../../src/lab/traffic/worker-side.ts";
import { PacketSocket } from "../../../src/linux/packet-socket.ts";
import { PollSet } from "../../../src/linux/poll.ts";
import { PART_MASK, partNetwork } from "./flow-plan.ts";
import { ReceiveBatch, SendBatch } from "./frame-batch.ts";
import {
  AnswerStep,
  PROTOCOL_UDP,
  protocolAt,
  SLOT_BYTES,
  segmentAt,
  segments,
  swapSides,
} from "./generator-frame.ts";

export interface GeneratorServerOptions {
  readonly device: string;
  readonly part: number;
  readonly receiveBufferBytes: number;
}

/** Everything since the start. */
export interface GeneratorServerReport {
  readonly opening: number;
  /** Handshakes whose last segment has come through the gateway. */
  readonly established: number;
  readonly closed: number;
  readonly datagrams: number;
  readonly refused: number;
}

const options = workerOptions<GeneratorServerOptions>();
const socket = new PacketSocket({
  device: options.device,
  etherType: 0x0800,
  filter: destinationFilter(partNetwork(SERVICES, options.part), { mask: PART_MASK }),
  receiveBufferBytes: options.receiveBufferBytes,
});
const received = new ReceiveBatch(socket.fd);
const answers = new SendBatch(socket.fd);
const accept = new AnswerStep(segments.syn, segments.synAck);
const finish = new AnswerStep(segments.fin, segments.finAnswer);
let opening = 0;
let established = 0;
let closed = 0;
let datagrams = 0;

const commands = new PolledCommands(
  (): GeneratorServerReport => ({ opening, established, closed, datagrams, refused: answers.refused }),
);
const poll = new PollSet([commands.fd, socket.fd]);

for (;;) {
  poll.wait(Number.POSITIVE_INFINITY);
  if (poll.readable(0)) commands.read();
  if (!poll.readable(1)) continue;
  let count = received.read();
  for (let slot = 0; slot < count; slot++) answer(slot * SLOT_BYTES);
  while (ReceiveBatch.full(count)) {
    count = received.read();
    for (let slot = 0; slot < count; slot++) answer(slot * SLOT_BYTES);
  }
  answers.flush();
}

function answer(frame: number): void {
  if (protocolAt(received.view, frame) === PROTOCOL_UDP) {
    datagrams++;
    swapSides(answers.area, answers.view, answers.copyOf(received, frame));
    return;
  }
  switch (segmentAt(received.view, frame)) {
    case "syn":
      opening++;
      accept.apply(answers.area, answers.view, answers.copyOf(received, frame));
      break;
    case "established":
      established++;
      break;
    case "fin":
      closed++;
      finish.apply(answers.area, answers.view, answers.copyOf(received, frame));
      break;
    case "reset":
      closed++;
      break;
    default:
      break;
  }
}

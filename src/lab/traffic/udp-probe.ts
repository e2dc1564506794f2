/** Sends a numbered datagram every millisecond and notes the answers; runs in the LAN's namespace. */
import { parseIp } from "../../base/ip.ts";
import { setRealTimePriority } from "../../linux/libc.ts";
import { PollSet } from "../../linux/poll.ts";
import { UdpSocket } from "../../linux/udp-socket.ts";
import { ProbeWindow } from "./probe-window.ts";
import { PolledCommands, workerOptions } from "./worker-side.ts";

export interface UdpProbeOptions {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly port: number;
}

const PERIOD_MS = 1;
// As for the echo server.
const PRIORITY = 5;

const options = workerOptions<UdpProbeOptions>();
const from = parseIp(options.from);
const to = parseIp(options.to);
if (from === undefined || to === undefined) throw new Error(`no address: ${options.from}, ${options.to}`);
const socket = new UdpSocket({ address: from, port: options.fromPort });
const window = new ProbeWindow(performance.now());
const commands = new PolledCommands((command) => {
  if (command.do === "mark") window.mark();
  return window.report(performance.now());
});
const poll = new PollSet([commands.fd, socket.fd]);
const probe = new DataView(new ArrayBuffer(64));
const probeBytes = new Uint8Array(probe.buffer);
const answer = new DataView(new ArrayBuffer(2_048));
const answerBytes = new Uint8Array(answer.buffer);
setRealTimePriority(PRIORITY);

let dueMs = performance.now();
for (;;) {
  poll.wait(dueMs - performance.now());
  if (poll.readable(0)) commands.read();
  while (socket.receive(answerBytes) !== undefined) window.answer(answer.getFloat64(0));
  const nowMs = performance.now();
  if (nowMs < dueMs) continue;
  probe.setFloat64(0, window.send(nowMs));
  // A send that fails, as while the route is away, is a probe without an answer.
  socket.send(probeBytes, to, options.port);
  // A late probe is not made up for: a burst would measure nothing.
  dueMs = Math.max(dueMs + PERIOD_MS, nowMs);
}

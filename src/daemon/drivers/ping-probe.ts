import { DecodeError } from "../../base/decode-error.ts";
import { equalIp, type IpAddress, ipFamily, validIp } from "../../base/ip.ts";
import { IcmpSocket } from "../../linux/icmp-socket.ts";
import { errorName } from "../../linux/libc.ts";
import { decodeEchoReply, encodeEchoRequest } from "../../wire/icmp-echo.ts";
import { awaitAnswer, orRefusal, type Probe, type ProbeResult } from "./probe.ts";

const PACKET_BYTES_MAX = 2_048;

export interface PingSettings {
  readonly device: string;
  readonly source: string | undefined;
  readonly target: string;
  readonly timeoutMs: number;
}

/** Whether a host answers to ICMP echo, asked from this node's own address, so that a standby can ask as well. */
export function pingProbe(settings: PingSettings): Probe {
  const target = validIp(settings.target);
  const source = settings.source === undefined ? undefined : validIp(settings.source);
  const into = new Uint8Array(PACKET_BYTES_MAX);
  let sequence = 0;
  return () =>
    orRefusal(async () => {
      sequence = (sequence + 1) & 0xffff;
      // A socket for each question: none outlives a device that goes and comes back under its name.
      const socket = new IcmpSocket({ family: ipFamily(target), device: settings.device, source });
      try {
        return await ask(socket, { target, sequence, into, settings });
      } finally {
        socket.close();
      }
    });
}

interface Question {
  readonly target: IpAddress;
  readonly sequence: number;
  readonly into: Uint8Array;
  readonly settings: PingSettings;
}

async function ask(socket: IcmpSocket, { target, sequence, into, settings }: Question): Promise<ProbeResult> {
  const family = ipFamily(target);
  // Whose answer it is: other programs of this machine ping as well.
  const identifier = Math.floor(Math.random() * 0x1_0000);
  const sent = socket.send(encodeEchoRequest(family, { identifier, sequence }), target);
  if (sent < 0) {
    const words = `${settings.target} cannot be asked from ${settings.device} (${errorName(-sent)})`;
    return { good: false, words };
  }
  const good = await awaitAnswer(() => {
    for (;;) {
      const received = socket.receive(into);
      if (received === undefined) return false;
      if (!equalIp(received.from, target)) continue;
      const echo = decodeEchoReply(family, into.subarray(0, received.length));
      if (echo instanceof DecodeError) continue;
      if (echo.identifier === identifier && echo.sequence === sequence) return true;
    }
  }, settings.timeoutMs);
  return { good, words: good ? `${settings.target} answers` : `no answer from ${settings.target}` };
}

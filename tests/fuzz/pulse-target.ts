import assert from "node:assert/strict";
import { ByteWriter } from "../../src/base/bytes.ts";
import { DecodeError } from "../../src/base/decode-error.ts";
import { validIp } from "../../src/base/ip.ts";
import { PulseConversation } from "../../src/core/election/pulse-conversation.ts";
import { decodePulse, encodePulse, PULSE_BYTES_MAX, type Pulse } from "../../src/wire/pulse.ts";
import { PulseReader } from "../../src/wire/pulse-reader.ts";
import { ElectionUnderTest, GROUP, PATH, PEER, REVISION, SELF } from "./election-under-test.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

const OWN_SESSION = 0x1122_3344_5566_7788n;
const SESSIONS_PER_LIFE = 5_000;

const pulse: Pulse = {
  sender: PEER,
  recipient: SELF,
  session: 77n,
  echo: OWN_SESSION,
  sequence: 5,
  group: GROUP,
  path: PATH,
  heard: 0x87,
  role: "standby",
  effectivePriority: 100,
  tableComplete: true,
  resigning: false,
  wantsToBeActive: false,
  gaveWay: false,
  heir: "none",
  inReserve: false,
  fitInNeed: false,
  watermark: 4_711,
  revision: REVISION,
  intervalMs: 100,
  advertisementSources: [],
};

const pulses: readonly Pulse[] = [
  pulse,
  { ...pulse, role: "active", sequence: 1_000 },
  { ...pulse, role: "active", resigning: true, session: 78n, advertisementSources: [validIp("fe80::3")] },
  { ...pulse, echo: 0n, role: "init", effectivePriority: 0, tableComplete: false },
  { ...pulse, wantsToBeActive: true, advertisementSources: [validIp("fe80::3"), validIp("fe80::4")] },
  { ...pulse, group: "other" },
  { ...pulse, gaveWay: true, sequence: 9 },
  { ...pulse, role: "active", heir: "recipient", sequence: 10 },
  { ...pulse, resigning: true, heir: "other", sequence: 11 },
  { ...pulse, effectivePriority: 0, inReserve: true, fitInNeed: true, sequence: 12 },
  { ...pulse, path: "lan", heard: 0, role: "active", sequence: 6 },
];

/**
 * Pulses whose authentication tag is right: what a node with the key could send, and the session and the election that
 * hear it. A wrong tag stops before the decoder.
 */
export function pulseTarget(): FuzzTarget {
  const election = new ElectionUnderTest();
  const reader = new PulseReader(1, [PEER, SELF, GROUP, PATH]);
  let conversation = newConversation();
  let heard = 0;
  return {
    corpus: pulses.map(encode),
    run: (input) => {
      const value = decodePulse(input);
      // What is known again must be what would be decoded.
      for (let time = 0; time < 2; time++)
        assert.deepEqual(reader.read(input, input.length) ?? reader.take(), value);
      if (value instanceof DecodeError) {
        election.sawNothing();
        return value.reason;
      }
      assert.ok(value.effectivePriority <= 255 && value.intervalMs >= 1 && value.session !== 0n);
      assert.match(value.revision, /^[0-9a-f]{16}$/);
      if (value.sender !== PEER || value.recipient !== SELF) return ACCEPTED;
      if (++heard % SESSIONS_PER_LIFE === 0) conversation = newConversation();
      const hearing = conversation.accept(heard, value.path, value);
      const again = conversation.accept(heard, value.path, value);
      assert.ok(again !== "fresh" && again !== "overtaken", "the same pulse counts a second time");
      if (hearing !== "fresh" && hearing !== "overtaken") {
        election.sawNothing();
        return ACCEPTED;
      }
      const isForeign = value.group !== GROUP;
      if (hearing === "overtaken")
        election.receive((machine, nowMs) => machine.receiveOvertaken(nowMs, value.path, value.sender), true);
      else election.receive((machine, nowMs) => machine.receivePulse(nowMs, value.path, value), isForeign);
      return ACCEPTED;
    },
  };
}

function newConversation(): PulseConversation {
  return new PulseConversation({ ownSession: OWN_SESSION, paths: [PATH, "lan", "wan"], intervalMs: 100 });
}

function encode(value: Pulse): Uint8Array {
  const writer = new ByteWriter(PULSE_BYTES_MAX);
  encodePulse(value, writer);
  return writer.written().slice();
}

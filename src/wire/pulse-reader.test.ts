import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../base/bytes.ts";
import { decodePulse, encodePulse, PULSE_BYTES_MAX, type Pulse } from "./pulse.ts";
import { PulseReader } from "./pulse-reader.ts";

const example: Pulse = {
  ...{ sender: "gw1", recipient: "gw2", path: "lan", group: "gateway", heard: 0x85, heir: "none" },
  ...{ session: 0x1122334455667788n, echo: 0xaabbccddeeff0011n, sequence: 258 },
  ...{ role: "active", effectivePriority: 110, tableComplete: true, inReserve: false, fitInNeed: false },
  ...{ resigning: false, wantsToBeActive: false, gaveWay: false },
  ...{ watermark: 7, revision: "00ffee00ddcc0011", intervalMs: 100, advertisementSources: [] },
};

describe("PulseReader", () => {
  it("reads what the decoder reads, in whatever order pulses come", () => {
    const senders = fc.constantFrom("gw1", "gw3", "gw4");
    const counts = fc.constantFrom(0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER);
    const pulses = fc
      .record({
        ...{ sender: senders, sequence: counts, watermark: counts },
        heard: fc.constantFrom(0, 0x81),
        echo: fc.constantFrom(0n, 5n),
      })
      .map((some): Pulse => ({ ...example, ...some }));
    fc.assert(
      fc.property(fc.array(pulses, { maxLength: 30 }), (all) => {
        const reader = new PulseReader(2, []);
        for (const pulse of all) {
          const bytes = encoded(pulse);
          assert.equal(reader.read(bytes, bytes.length), undefined);
          assert.deepEqual(
            [reader.session, reader.echo, reader.sequence],
            [pulse.session, pulse.echo, pulse.sequence],
          );
          assert.deepEqual(reader.take(), pulse);
        }
      }),
    );
  });

  it("gives the same object to pulses that differ in their counts alone, and another one to others", () => {
    const reader = new PulseReader(1, []);
    const first = read(reader, example);
    assert.equal(read(reader, { ...example, sequence: 259, watermark: 8 }), first);
    assert.deepEqual([first.sequence, first.watermark], [259, 8]);
    const other = read(reader, { ...example, role: "standby" });
    assert.notEqual(other, first);
    assert.equal(first.role, "active");
  });

  it("does not change what was taken when a pulse is read and not believed", () => {
    const reader = new PulseReader(1, []);
    const believed = read(reader, example);
    const bytes = encoded({ ...example, sequence: 3, watermark: 1 });
    assert.equal(reader.read(bytes, bytes.length), undefined);
    assert.equal(reader.sequence, 3);
    assert.deepEqual(believed, example);
  });

  it("refuses what the decoder refuses, also where all but the counts is known", () => {
    const reader = new PulseReader(1, []);
    read(reader, example);
    for (const at of [0, 28, 36]) {
      const bytes = encoded(example);
      bytes[at] = 0x20;
      assert.deepEqual(reader.read(bytes, bytes.length), decodePulse(bytes), `byte ${at}`);
    }
    const short = encoded(example);
    for (let length = 0; length < short.length; length++)
      assert.ok(reader.read(short, length), `${length} bytes`);
  });
});

function read(reader: PulseReader, pulse: Pulse): Pulse {
  const bytes = encoded(pulse);
  assert.equal(reader.read(bytes, bytes.length), undefined);
  return reader.take();
}

function encoded(pulse: Pulse): Uint8Array {
  const writer = new ByteWriter(PULSE_BYTES_MAX);
  encodePulse(pulse, writer);
  return writer.written();
}

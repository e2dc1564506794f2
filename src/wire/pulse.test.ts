import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../base/bytes.ts";
import { isDecodeError } from "../base/decode-error.ts";
import { parseIp } from "../base/ip.ts";
import { decodePulse, encodePulse, PULSE_BYTES_MAX, PULSE_TAG_BYTES, type Pulse } from "./pulse.ts";

const example: Pulse = {
  sender: "gw1",
  recipient: "gw2",
  path: "lan",
  heard: 0x85,
  session: 0x1122334455667788n,
  echo: 0xaabbccddeeff0011n,
  sequence: 258,
  group: "gateway",
  role: "active",
  effectivePriority: 110,
  tableComplete: true,
  resigning: false,
  wantsToBeActive: false,
  gaveWay: true,
  heir: "none",
  inReserve: false,
  fitInNeed: false,
  watermark: 7,
  revision: "00ffee00ddcc0011",
  intervalMs: 100,
  advertisementSources: [parseIp("fe80::a")!],
};

// Our own format (docs/protocol/pulse.md), written by hand from its description.
const exampleBytes = Buffer.from(
  [
    "54434850 02 02 6e 90", // magic, version, active, priority 110, table complete, gave way
    "0064 01 85", // 100 ms, one advertisement source, heard on the first and the third path
    "1122334455667788 aabbccddeeff0011", // session, echo
    "0000000000000102 0000000000000007", // sequence, watermark
    "00ffee00ddcc0011", // revision
    "07 67617465776179 03 677731 03 677732 03 6c616e", // gateway, gw1, gw2, lan
    "fe80 0000 0000 0000 0000 0000 0000 000a",
  ]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);

describe("pulse", () => {
  it("has the documented layout", () => {
    assert.deepEqual(Buffer.from(encoded(example)), exampleBytes);
    assert.deepEqual(decodePulse(exampleBytes), example);
  });

  it("names an heir by two flags, of which the second means nothing alone", () => {
    for (const [heir, flags] of [
      ["none", 0x90],
      ["other", 0x98],
      ["recipient", 0x9c],
    ] as const) {
      assert.equal(encoded({ ...example, heir })[7], flags);
      const bytes = exampleBytes.with(7, flags);
      assert.deepEqual(decodePulse(bytes), { ...example, heir });
    }
    assert.deepEqual(decodePulse(exampleBytes.with(7, 0x94)), example);
  });

  it("says by a flag that its sender is in reserve", () => {
    assert.equal(encoded({ ...example, inReserve: true })[7], 0x92);
    assert.deepEqual(decodePulse(exampleBytes.with(7, 0x92)), { ...example, inReserve: true });
  });

  it("says by another one that its sender is set aside, and would serve in need", () => {
    assert.equal(encoded({ ...example, fitInNeed: true })[7], 0x91);
    assert.deepEqual(decodePulse(exampleBytes.with(7, 0x91)), { ...example, fitInNeed: true });
  });

  it("is a typed error when cut at any byte, or followed by one", () => {
    for (let length = 0; length < exampleBytes.length; length++) {
      assert.ok(isDecodeError(decodePulse(exampleBytes.subarray(0, length))), `${length} bytes`);
    }
    assert.equal(reason(Uint8Array.of(...exampleBytes, 0)), "pulse-length");
  });

  for (const [offset, value, expected] of [
    [0, 0, "pulse-magic"],
    [4, 1, "pulse-version"],
    [4, 3, "pulse-version"],
    [5, 5, "pulse-role"],
    [9, 0, "pulse-interval"],
    [10, 9, "pulse-short"],
    [28, 0x20, "pulse-sequence"],
    [36, 0x20, "pulse-watermark"],
    [52, 255, "pulse-short"],
  ] as const) {
    it(`refuses ${value} at byte ${offset}: ${expected}`, () => {
      const damaged = Uint8Array.from(exampleBytes);
      damaged[offset] = value;
      assert.equal(reason(damaged), expected);
    });
  }

  it("refuses session 0, which means none, and more sources than the limit", () => {
    const withoutSession = Uint8Array.from(exampleBytes);
    withoutSession.fill(0, 12, 20);
    assert.equal(reason(withoutSession), "pulse-session");
    const withMore = Uint8Array.of(...exampleBytes, ...new Uint8Array(8 * 16));
    withMore[10] = 9;
    assert.equal(reason(withMore), "pulse-source-count");
  });

  it("decodes what it encodes, within the largest size", () => {
    fc.assert(
      fc.property(anyPulse(), (pulse) => {
        const bytes = encoded(pulse);
        assert.ok(bytes.length + PULSE_TAG_BYTES <= PULSE_BYTES_MAX);
        assert.deepEqual(decodePulse(bytes), pulse);
      }),
    );
  });

  it("returns a value or a typed error for any bytes, and for any damage of a good pulse", () => {
    const isTotal = (bytes: Uint8Array) => {
      const result = decodePulse(bytes);
      return isDecodeError(result) ? result.reason !== "" : result.intervalMs > 0;
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isTotal));
    fc.assert(
      fc.property(fc.nat(exampleBytes.length - 1), fc.nat(255), (offset, value) => {
        const damaged = Uint8Array.from(exampleBytes);
        damaged[offset] = value;
        return isTotal(damaged);
      }),
      { numRuns: 1_000 },
    );
  });
});

function anyPulse(): fc.Arbitrary<Pulse> {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/);
  const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
  return fc.record(
    {
      sender: name,
      recipient: name,
      path: name,
      heard: fc.integer({ min: 0, max: 0xff }),
      session: u64.filter((session) => session !== 0n),
      echo: u64,
      sequence: fc.maxSafeNat(),
      group: name,
      role: fc.constantFrom("init", "standby", "active", "fault", "stopped"),
      effectivePriority: fc.integer({ min: 0, max: 255 }),
      tableComplete: fc.boolean(),
      resigning: fc.boolean(),
      wantsToBeActive: fc.boolean(),
      gaveWay: fc.boolean(),
      heir: fc.constantFrom("none", "recipient", "other"),
      inReserve: fc.boolean(),
      fitInNeed: fc.boolean(),
      watermark: fc.maxSafeNat(),
      revision: fc.stringMatching(/^[0-9a-f]{16}$/),
      intervalMs: fc.integer({ min: 1, max: 0xffff }),
      advertisementSources: fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 8 }),
    },
    { noNullPrototype: true },
  );
}

function encoded(pulse: Pulse): Uint8Array {
  const writer = new ByteWriter(PULSE_BYTES_MAX);
  encodePulse(pulse, writer);
  return writer.written();
}

function reason(bytes: Uint8Array): string {
  const result = decodePulse(bytes);
  return isDecodeError(result) ? result.reason : "none";
}

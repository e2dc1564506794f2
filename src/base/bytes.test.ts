import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "./bytes.ts";

describe("ByteWriter and ByteReader", () => {
  it("write and read numbers in network byte order", () => {
    const writer = new ByteWriter(64);
    writer
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(0x08090a0b0c0d0e0fn)
      .f64(1)
      .put(Uint8Array.of(0xaa, 0xbb))
      .text("é");
    const bytes = writer.written();
    assert.equal(
      Buffer.from(bytes).toString("hex"),
      "01" + "0203" + "04050607" + "08090a0b0c0d0e0f" + "3ff0000000000000" + "aabb" + "02c3a9",
    );
    const reader = new ByteReader(bytes);
    assert.deepEqual(
      [
        reader.u8(),
        reader.u16(),
        reader.u32(),
        reader.u64(),
        reader.f64(),
        [...reader.take(2)],
        reader.text(),
      ],
      [1, 0x0203, 0x04050607, 0x08090a0b0c0d0e0fn, 1, [0xaa, 0xbb], "é"],
    );
    assert.deepEqual([reader.remaining, reader.failed], [0, false]);
  });

  it("work on a part of a larger memory", () => {
    const memory = new Uint8Array(16);
    new ByteWriter(memory.subarray(4, 8)).u32(0x01020304);
    assert.deepEqual([...memory.subarray(3, 9)], [0, 1, 2, 3, 4, 0]);
    assert.equal(new ByteReader(memory.subarray(5, 7)).u16(), 0x0203);
  });

  it("write text of at most 255 bytes", () => {
    const writer = new ByteWriter(300);
    writer.text("x".repeat(300));
    assert.equal(writer.offset, 256);
    assert.equal(new ByteReader(writer.written()).text(), "x".repeat(255));
  });

  it("write text that is not all ASCII, and count its bytes", () => {
    for (const text of ["é", "gw1-é", `${"x".repeat(252)}é`, "名前"]) {
      const writer = new ByteWriter(300);
      writer.u8(7).text(text);
      assert.deepEqual(writer.written(), Uint8Array.from([7, Buffer.byteLength(text), ...Buffer.from(text)]));
    }
    const writer = new ByteWriter(300);
    writer.text(`${"x".repeat(254)}éyz`);
    assert.deepEqual([writer.offset, writer.bytes[0], writer.bytes[255]], [256, 255, 0xc3]);
  });
});

describe("ByteReader", () => {
  const reads = {
    u8: (reader: ByteReader) => reader.u8(),
    u16: (reader: ByteReader) => reader.u16(),
    u32: (reader: ByteReader) => reader.u32(),
    u64: (reader: ByteReader) => reader.u64(),
    f64: (reader: ByteReader) => reader.f64(),
    take: (reader: ByteReader) => reader.take(7),
    text: (reader: ByteReader) => reader.text(),
  } as const;
  const anyReads = fc.array(fc.constantFrom(...Object.values(reads)), { maxLength: 20 });

  it("fails for good at the end, without throwing, and yields nothings", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3));
    assert.equal(reader.u32(), 0);
    assert.equal(reader.failed, true);
    // Three bytes are left, but what they mean is unknown now.
    assert.deepEqual([reader.u8(), reader.u64(), reader.text(), reader.take(1).length], [0, 0n, "", 0]);
    assert.equal(reader.offset, 0);
  });

  it("never throws and never passes the end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), anyReads, (bytes, sequence) => {
        const reader = new ByteReader(bytes);
        for (const read of sequence) read(reader);
        assert.ok(reader.offset <= bytes.length);
      }),
    );
  });
});

describe("ByteWriter", () => {
  it("throws at its end", () => {
    assert.throws(() => new ByteWriter(3).u32(1), RangeError);
    assert.throws(() => new ByteWriter(3).put(new Uint8Array(4)), RangeError);
    assert.throws(() => new ByteWriter(3).text("abc"), RangeError);
  });
});

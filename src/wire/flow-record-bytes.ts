import { isIcmp, type TupleFields } from "./flow-fields.ts";

/** Bytes of records with a place in them, for reading and for writing. Whether there is room is the caller's to check. */
export class RecordBytes {
  bytes: Uint8Array;
  #view: DataView;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = 0;
  }

  putU8(value: number): void {
    this.bytes[this.offset++] = value;
  }

  putU16(value: number): void {
    this.#view.setUint16(this.offset, value);
    this.offset += 2;
  }

  putU24(value: number): void {
    this.bytes[this.offset++] = value >>> 16;
    this.#view.setUint16(this.offset, value & 0xffff);
    this.offset += 2;
  }

  putU32(value: number): void {
    this.#view.setUint32(this.offset, value);
    this.offset += 4;
  }

  put(source: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.bytes[this.offset + i] = source[i] ?? 0;
    this.offset += length;
  }

  /** Both addresses, and the ports (ICMP: id, type and code). */
  putTuple(tuple: TupleFields, protocol: number, addressBytes: number): void {
    this.put(tuple.source, addressBytes);
    this.put(tuple.destination, addressBytes);
    if (isIcmp(protocol)) {
      this.putU16(tuple.icmpId);
      this.putU8(tuple.icmpType);
      this.putU8(tuple.icmpCode);
    } else {
      this.putU16(tuple.sourcePort);
      this.putU16(tuple.destinationPort);
    }
  }

  u8(): number {
    return this.bytes[this.offset++] ?? 0;
  }

  u16(): number {
    this.offset += 2;
    return this.#view.getUint16(this.offset - 2);
  }

  u24(): number {
    return (this.u8() << 16) | this.u16();
  }

  u32(): number {
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4);
  }

  take(into: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) into[i] = this.bytes[this.offset + i] ?? 0;
    this.offset += length;
  }

  takeTuple(tuple: TupleFields, protocol: number, addressBytes: number): void {
    tuple.clear();
    this.take(tuple.source, addressBytes);
    this.take(tuple.destination, addressBytes);
    if (isIcmp(protocol)) {
      tuple.icmpId = this.u16();
      tuple.icmpType = this.u8();
      tuple.icmpCode = this.u8();
    } else {
      tuple.sourcePort = this.u16();
      tuple.destinationPort = this.u16();
    }
  }
}

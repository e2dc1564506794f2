import { DatagramBatch } from "../../../src/linux/datagram-batch.ts";
import { errno, kernelError, receiveMessages, sendMessages } from "../../../src/linux/libc.ts";
import { FRAME_BYTES, SLOT_BYTES } from "./generator-frame.ts";

const SLOTS = 256;
const MSG_DONTWAIT = 0x40; // bits/socket.h

/** Frames that wait to be sent in one system call. */
export class SendBatch {
  readonly #batch = new DatagramBatch(SLOTS, SLOT_BYTES);
  readonly #fd: number;
  readonly area: Uint8Array;
  readonly view: DataView;
  readonly #words: Uint32Array;
  /** Frames that the kernel would not take: its queue was full. */
  refused = 0;
  #count = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.area = this.#batch.area;
    this.view = this.#batch.view;
    this.#words = new Uint32Array(this.area.buffer);
    for (let slot = 0; slot < SLOTS; slot++) this.#batch.setLength(slot, FRAME_BYTES);
  }

  /** @returns where in `area` the next frame is to be written */
  next(): number {
    if (this.#count === SLOTS) this.flush();
    return this.#count++ * SLOT_BYTES;
  }

  /** As next(), with a copy of a received frame there. */
  copyOf(received: ReceiveBatch, frame: number): number {
    const to = this.next();
    const from = frame >>> 2;
    for (let word = 0; word < SLOT_BYTES / 4; word++) {
      this.#words[(to >>> 2) + word] = received.words[from + word] ?? 0;
    }
    return to;
  }

  flush(): void {
    if (this.#count === 0) return;
    const sent = sendMessages(this.#fd, this.#batch.headers, this.#count, MSG_DONTWAIT);
    if (sent < 0 && sent !== -errno.EAGAIN && sent !== -errno.ENOBUFS) throw kernelError("sendmmsg", -sent);
    this.refused += this.#count - Math.max(sent, 0);
    this.#count = 0;
  }
}

/** Frames as they arrive, many in one system call. */
export class ReceiveBatch {
  readonly #batch = new DatagramBatch(SLOTS, SLOT_BYTES);
  readonly #fd: number;
  readonly view: DataView;
  /** The same memory in words, for copies. */
  readonly words: Uint32Array;

  constructor(fd: number) {
    this.#fd = fd;
    this.view = this.#batch.view;
    this.words = new Uint32Array(this.#batch.area.buffer);
  }

  /** @returns how many frames have been read: 0 when none waits; frame i begins at i * SLOT_BYTES */
  read(): number {
    const count = receiveMessages(this.#fd, this.#batch.headers, SLOTS, MSG_DONTWAIT);
    if (count >= 0) return count;
    if (count === -errno.EAGAIN || count === -errno.EINTR) return 0;
    throw kernelError("recvmmsg", -count);
  }

  /** True when the batch was full, so that more may wait. */
  static full(count: number): boolean {
    return count === SLOTS;
  }
}

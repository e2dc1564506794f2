import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { waitFor } from "./namespace-waiting.ts";

export interface StampedFrame {
  /** When the kernel saw it, on the wall clock, which all namespaces share. */
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

// pcap(5), savefile format: a header of the file, then each frame behind a header of its own, in the byte order of the machine.
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const FILE_HEADER_BYTES = 24;
const FRAME_HEADER_BYTES = 16;

/** Frames that pass a device, each with the kernel's stamp: when it was read does not matter. */
export class StampedCapture {
  readonly frames: StampedFrame[] = [];
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #unread = Buffer.alloc(0);
  #hasBegun = false;
  #said = "";

  private constructor(namespace: string, device: string, filter: string) {
    const tcpdump = ["tcpdump", "--immediate-mode", "-n", "-U", "-i", device, "-w", "-", filter];
    this.#child = spawn("ip", ["netns", "exec", namespace, ...tcpdump], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, [outsiderMark]: "1" },
    });
    this.#child.stdout.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
  }

  /** @param filter as of pcap-filter(7). Nothing that passes after this is missed. */
  static async start(namespace: string, device: string, filter: string): Promise<StampedCapture> {
    const capture = new StampedCapture(namespace, device, filter);
    try {
      await waitFor("tcpdump to listen", () => capture.#said.includes("listening on"), {
        explain: () => capture.#said,
      });
    } catch (error) {
      await capture.close();
      throw error;
    }
    return capture;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    if (!this.#hasBegun && this.#unread.length >= FILE_HEADER_BYTES) {
      if (this.#unread.readUInt32LE(0) !== MAGIC_MICROSECONDS) throw new Error("not a pcap file");
      this.#unread = this.#unread.subarray(FILE_HEADER_BYTES);
      this.#hasBegun = true;
    }
    while (this.#hasBegun && this.#unread.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#unread.readUInt32LE(8);
      if (this.#unread.length < end) return;
      const atMs = this.#unread.readUInt32LE(0) * 1_000 + this.#unread.readUInt32LE(4) / 1_000;
      this.frames.push({ atMs, bytes: this.#unread.subarray(FRAME_HEADER_BYTES, end) });
      this.#unread = this.#unread.subarray(end);
    }
  }
}

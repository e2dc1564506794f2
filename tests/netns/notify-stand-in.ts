import { rmSync } from "node:fs";
import { UnixDatagramSocket } from "../../src/linux/unix-datagram.ts";

/** Stands for the socket that systemd listens on: everything that a service has said, in order. */
export class NotifyStandIn {
  readonly path: string;
  readonly #socket = new UnixDatagramSocket();
  readonly #into = new Uint8Array(4_096);
  readonly #said: string[] = [];

  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
    this.#socket.bind(path);
  }

  get said(): readonly string[] {
    for (;;) {
      const length = this.#socket.receive(this.#into);
      if (length === undefined) return this.#said;
      this.#said.push(...new TextDecoder().decode(this.#into.subarray(0, length)).split("\n"));
    }
  }

  close(): void {
    this.#socket.close();
    rmSync(this.path, { force: true });
  }
}

import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import type { TestHost } from "./test-host.ts";

export interface Peer {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
}

/** Starts an echo server on the host and waits until it listens. */
export async function serve(host: TestHost, { protocol, address, port }: Peer): Promise<void> {
  const server = host.start("echo-end.ts", ["serve", protocol, address, String(port)]);
  await once(server.stdout, "data");
}

/** A client's end of a conversation with an echo server. */
export class Conversation {
  readonly #process: ReturnType<TestHost["start"]>;
  readonly #lines: Interface;
  readonly #heard: string[] = [];
  #wake: () => void = () => undefined;

  constructor(host: TestHost, peer: Peer, localPort: number) {
    const { protocol, address, port } = peer;
    this.#process = host.start("echo-end.ts", [
      ...["call", protocol, address, String(port)],
      String(localPort),
    ]);
    this.#lines = createInterface(this.#process.stdout);
    this.#lines.on("line", (line) => {
      this.#heard.push(line);
      this.#wake();
    });
  }

  say(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The next line: an echo, or what befell the conversation; "silence" after the limit. */
  async hear(limitMs = 5_000): Promise<string> {
    const signal = AbortSignal.timeout(limitMs);
    while (this.#heard.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.#heard.shift() ?? "silence";
  }

  async exchange(line: string): Promise<string> {
    this.say(line);
    return this.hear();
  }
}

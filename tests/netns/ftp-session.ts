import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { waitFor } from "./namespace-waiting.ts";

/** An FTP client in a namespace, driven step by step; see ftp-client-program.ts. */
export class FtpSession {
  readonly #address: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  /** What the client printed and nobody has asked for yet. */
  readonly #lines: string[] = [];

  /** @param address of the client itself, which it tells the server in active mode */
  constructor(namespace: string, address: string) {
    this.#address = address;
    const program = new URL("ftp-client-program.ts", import.meta.url).pathname;
    this.#process = spawn("ip", ["netns", "exec", namespace, process.execPath, program, address], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface(this.#process.stdout).on("line", (line) => this.#lines.push(line));
  }

  async logIn(server: string): Promise<void> {
    this.#order(`open ${server}`);
    await this.#reply("220");
    await this.command("USER anonymous", "331");
    await this.command("PASS tester@example.org", "230");
    await this.command("TYPE I", "200");
  }

  /** Sends a command and waits for the reply with this code. @returns the reply */
  async command(command: string, code: string): Promise<string> {
    this.#order(`say ${command}`);
    return await this.#reply(code);
  }

  /** Agrees on where the data will go. @returns what opens the data connection, if that is for the client to do */
  async prepare(mode: "active" | "passive"): Promise<() => void> {
    if (mode === "passive") {
      const numbers = (await this.command("PASV", "227")).match(/\((.*)\)/)?.[1]?.split(",") ?? [];
      const address = numbers.slice(0, 4).join(".");
      const port = Number(numbers[4]) * 256 + Number(numbers[5]);
      return () => this.#order(`connect ${address} ${port}`);
    }
    this.#order("listen");
    const port = Number((await this.#next("listening")).split(" ")[1]);
    const numbers = [...this.#address.split("."), port >> 8, port & 0xff];
    await this.command(`PORT ${numbers.join(",")}`, "200");
    return () => undefined;
  }

  async progress(): Promise<number> {
    this.#order("progress");
    return Number((await this.#next("progress")).split(" ")[1]);
  }

  /** The data that came, once the server has sent all of them and says so. */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    const [, bytes, sha256 = ""] = (await this.#next("data")).split(" ");
    await this.#reply("226");
    return { bytes: Number(bytes), sha256 };
  }

  close(): void {
    this.#process.kill("SIGKILL");
  }

  #order(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  async #reply(code: string): Promise<string> {
    return await this.#next(`reply ${code}`);
  }

  /** The first line that begins so; a failure, or another answer than this one, ends the test. */
  async #next(beginning: string): Promise<string> {
    return await waitFor(
      `the FTP client to print ${beginning}`,
      () => {
        const failure = this.#lines.find((line) => /^(failed|closed|reply [45])/.test(line));
        if (failure !== undefined) throw new Error(`${failure}, while waiting for ${beginning}`);
        const place = this.#lines.findIndex((line) => line.startsWith(`${beginning} `));
        return place >= 0 && this.#lines.splice(place, 1)[0];
      },
      { limitMs: 60_000, explain: () => this.#lines.join("\n") },
    );
  }
}

import { readSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

/** What a traffic program is asked: one line of JSON. It answers every line with one line. */
export interface WorkerCommand {
  readonly do: string;
}

/** The options that a traffic program was started with. */
export function workerOptions<Options>(): Options {
  return JSON.parse(process.argv[2] ?? "{}") as Options;
}

/** Answers commands from the event loop, and ends the process when there will be no more. */
export function serveCommands(answer: (command: WorkerCommand) => object): void {
  createInterface({ input: process.stdin })
    .on("line", (line) => reply(answer(JSON.parse(line) as WorkerCommand)))
    .on("close", () => process.exit(0));
}

/** Commands for a program that blocks in poll(2) and looks at its standard input itself. */
export class PolledCommands {
  /** The descriptor to poll. */
  readonly fd = 0;
  readonly #answer: (command: WorkerCommand) => object;
  readonly #buffer = new Uint8Array(65_536);
  #text = "";

  constructor(answer: (command: WorkerCommand) => object) {
    this.#answer = answer;
  }

  /** Call it when the descriptor is readable; ends the process when there will be no more commands. */
  read(): void {
    const length = readSync(this.fd, this.#buffer);
    if (length === 0) process.exit(0);
    this.#text += new TextDecoder().decode(this.#buffer.subarray(0, length));
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) reply(this.#answer(JSON.parse(line) as WorkerCommand));
  }
}

function reply(value: object): void {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

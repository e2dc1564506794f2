import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { setPriority } from "node:os";
import { ProblemError } from "../base/problem.ts";
import { plainEnvironment } from "./git.ts";

/** Of one reading of a whole history: it takes its time, and does not stay for ever. */
const LIMIT_MS = 1_800_000;
/** As `nice` counts: whatever else the machine has to do comes first. */
const LOWEST_PRIORITY = 19;

/** Reads many objects of a git repository by one process, one at a time, with the lowest priority. */
export class ObjectReader {
  readonly #directory: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #said = "";

  constructor(directory: string) {
    this.#directory = directory;
    this.#child = spawn("git", ["--git-dir", directory, "cat-file", "--batch"], {
      env: plainEnvironment(),
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    this.#child.on("error", (error) => {
      this.#said = error.message;
    });
    this.#child.stdin.on("error", () => {}); // git that ends early says why on its standard error.
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-2_000);
    });
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, LOWEST_PRIORITY);
  }

  /**
   * @param name an id, `ID:FILE` or `ID^{tree}`
   * @returns the content; undefined when there is none of this name
   * @throws ProblemError when git cannot read it
   */
  async read(name: string): Promise<string | undefined> {
    this.#child.stdin.write(`${name}\n`);
    // `ID TYPE BYTES`, or `NAME missing` (git-cat-file, batch output).
    let end = this.#rest.indexOf(10);
    for (; end === -1; end = this.#rest.indexOf(10)) await this.#more();
    const [, , length] = this.#rest.toString("utf8", 0, end).split(" ");
    this.#rest = this.#rest.subarray(end + 1);
    if (length === undefined) return undefined;
    // A line feed follows.
    while (this.#rest.length <= Number(length)) await this.#more();
    const content = this.#rest.toString("utf8", 0, Number(length));
    this.#rest = this.#rest.subarray(Number(length) + 1);
    return content;
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (done !== true) {
      this.#rest = Buffer.concat([this.#rest, value]);
      return;
    }
    // Why it ended comes by another pipe.
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await new Promise((resolve) => this.#child.once("close", resolve));
    throw new ProblemError({
      code: "history-broken",
      message: `git cannot read ${this.#directory}: ${this.#said.trim() || `status ${this.#child.exitCode}`}`,
    });
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const LIMIT_MS = 30_000;

interface Answer {
  /** 0: none, the connection breaks. */
  readonly status: number;
  readonly body: unknown;
}

/** What is typed where a question appears. */
interface Typed {
  readonly question: string;
  readonly answer: string;
}

/** A node that answers what a test wishes, and bin/tocha that asks it. */
export class PretendedNode {
  readonly #folder: string;
  readonly #server: Server;
  /** What it answers next. */
  answer: Answer = { status: 200, body: {} };
  /** What it answers before that, one after the other. */
  readonly first: Answer[] = [];
  /** What it answers to these, by path and query; a question that is not among them it refuses. Empty: `answer` counts. */
  only: Readonly<Record<string, unknown>> = {};
  /** What it answers on some paths, whatever comes next. */
  readonly answers = new Map<string, unknown>();
  /** Of these paths it answers none before the terminal has shown the text. */
  held: { readonly paths: RegExp; readonly until: string } | undefined;
  #release: (() => void) | undefined;
  /** The path that it was asked for last, and what came with it. */
  asked: string | undefined;
  told = "";
  /** All that it was asked, with the Idempotency-Key that came along. */
  readonly requests: { readonly path: string; readonly key: string | undefined }[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer((request, response) => {
      this.asked = request.url;
      this.told = "";
      request.setEncoding("utf8").on("data", (text: string) => {
        this.told += text;
      });
      request.on("end", async () => {
        const path = request.url ?? "";
        const key = request.headers["idempotency-key"];
        this.requests.push({ path, key: typeof key === "string" ? key : undefined });
        if (this.held?.paths.test(path) === true) {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.whenShown(resolve);
          await promise;
        }
        const known = this.answers.get(path);
        const next = known === undefined ? this.first.shift() : { status: 200, body: known };
        const { status, body } = next ?? this.#answerTo(path);
        if (status === 0) response.destroy();
        else response.writeHead(status).end(JSON.stringify(body));
      });
    });
  }

  #answerTo(url: string): { readonly status: number; readonly body: unknown } {
    if (Object.keys(this.only).length === 0) return this.answer;
    const body = this.only[url];
    if (body !== undefined) return { status: 200, body };
    return { status: 409, body: { code: "node-unreachable", message: `there is no answer to ${url}` } };
  }

  static async start(): Promise<PretendedNode> {
    const node = new PretendedNode(mkdtempSync(join(tmpdir(), "tocha-cli-")));
    const { promise, resolve } = Promise.withResolvers<void>();
    node.#server.listen(node.#socket, resolve);
    await promise;
    return node;
  }

  /** Waits for the text of `held` on the terminal. */
  whenShown(release: () => void): void {
    this.#release = release;
  }

  /** Nobody answers any more. */
  close(): void {
    this.#server.close();
  }

  stop(): void {
    this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }

  /** Runs tocha to its end, asking this node. */
  async tocha(
    args: readonly string[],
    { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<{ readonly status: number | null; readonly out: string; readonly err: string }> {
    return await this.#run([launcher, ...args, "--socket", this.#socket], env);
  }

  /** For commands that ask no node. */
  async tochaAlone(
    args: readonly string[],
    { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<{ readonly status: number | null; readonly out: string; readonly err: string }> {
    return await this.#run([launcher, ...args], env);
  }

  /** The same on a terminal: both outputs come out of it, together. Where it asks, it is answered. */
  async onTerminal(
    args: readonly string[],
    { env = {}, typed }: { readonly env?: Readonly<Record<string, string>>; readonly typed?: Typed } = {},
  ): Promise<string> {
    return await this.onTerminalAlone(
      [...args, "--socket", this.#socket],
      typed === undefined ? { env } : { env, typed },
    );
  }

  async onTerminalAlone(
    args: readonly string[],
    { env = {}, typed }: { readonly env?: Readonly<Record<string, string>>; readonly typed?: Typed } = {},
  ): Promise<string> {
    const command = [launcher, ...args].map((word) => `'${word}'`).join(" ");
    return (await this.#run(["script", "-qec", command, "/dev/null"], env, typed)).out;
  }

  /** In a pipe whose reader leaves after so many lines. */
  async firstLines(args: readonly string[], count: number): Promise<string[]> {
    const script = `"$@" | head -n ${count}`;
    const { out } = await this.#run(
      ["sh", "-c", script, "sh", launcher, ...args, "--socket", this.#socket],
      {},
    );
    return out.split("\n").filter((line) => line !== "");
  }

  async #run(
    [program = "", ...args]: readonly string[],
    env: Readonly<Record<string, string>>,
    typed?: Typed,
  ): Promise<{ readonly status: number | null; readonly out: string; readonly err: string }> {
    const child = spawn(program, args, {
      cwd: this.#folder,
      // An empty value takes a variable away.
      env: Object.fromEntries(Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== "")),
      stdio: [typed === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const wasAsked = typed !== undefined && out.includes(typed.question);
      out += text;
      if (typed !== undefined && !wasAsked && out.includes(typed.question)) child.stdin?.write(typed.answer);
      if (this.held !== undefined && out.includes(this.held.until)) this.#release?.();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.on("close", resolve);
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const status = await promise;
    clearTimeout(timer);
    return { status, out, err };
  }

  get #socket(): string {
    return join(this.#folder, "control.sock");
  }
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { healthyStatus } from "../contract/status.test-data.ts";

// The completion in real shells, with a pretended node behind a socket. `tocha` is found on PATH, as it is where it is installed.

const root = join(import.meta.dirname, "../..");
let folder = "";
let server: Server;
const revisions = [12, 11].map((number) => ({
  ...{ number, parent: null, author: "root@gw1", at: "2026-11-26T05:00:00Z" },
  ...{ message: "guests: may print\nand scan", plan: [], id: String(number).repeat(20) },
}));
/** Whether the pretended node answers, or lets everybody wait. */
let isMute = false;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-completion-"));
  symlinkSync(join(root, "bin/tocha"), join(folder, "tocha"));
  writeFileSync(join(folder, "my cluster.yaml"), "");
  server = createServer(({ url = "" }, response) => {
    const answer = url.startsWith("/v1/config/history") ? { revisions } : healthyStatus();
    if (!isMute) response.end(JSON.stringify(answer));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(join(folder, "control.sock"), resolve);
  await promise;
});

after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Runs a program to its end. @returns its standard output and standard error, together */
async function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}`, TERM: "dumb", HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("error", () => reject(new Error(`this test needs ${program}: apt-get install ${program}`)));
  child.once("close", () => resolve());
  await promise;
  return said;
}

type Complete = (line: string) => Promise<string[]>;

/** What bash would offer: its own function is called as readline does, with the line taken apart as readline does. */
const inBash: Complete = async (line) => {
  const script = `
    source <(tocha completion bash)
    compopt() { :; } # It only means something while readline completes.
    COMP_WORDS=(${line}); [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
    _tocha tocha "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return lines(await run("bash", ["-c", script, "bash", line]));
};

const inFish: Complete = async (line) => {
  const script = `tocha completion fish | source; complete --do-complete $argv[1]`;
  const offered = lines(await run("fish", ["--no-config", "-c", script, line]));
  return offered.map((one) => one.split("\t")[0] ?? "");
};

/** zsh completes only for somebody at a terminal: it gets one of its own, and types. */
const inZsh: Complete = async (line) => {
  const script = `
    zmodload zsh/zpty
    zpty inner zsh -f -i
    zpty -w inner 'PROMPT=; autoload -Uz compinit; compinit -u -D; source <(tocha completion zsh)'
    zpty -w inner 'offer() { compadd() { builtin compadd -A found "$@"; print -rl -- \\<\${^found}\\> >> offered; builtin compadd "$@" }; _main_complete; unfunction compadd }'
    zpty -w inner "zstyle ':completion:*' list-separator ''; zle -C offer complete-word offer; bindkey '^I' offer"
    zpty -w inner 'print rea''dy > ready'
    while [[ ! -e ready ]] do sleep 0.05; done
    zpty -w -n inner $1$'\\t'
    zpty -w -n inner $'\\C-u'
    zpty -w inner 'print do''ne > done'
    while [[ ! -e done ]] do sleep 0.05; done
    zpty -d inner
    cat offered; rm -f offered ready done`;
  const offered = await run("zsh", ["-f", "-c", script, "zsh", line]);
  // With and without its description each is added once.
  return [...new Set([...offered.matchAll(/<([^>]+)>/g)].map(([, word = ""]) => word))];
};

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

for (const [shell, complete] of Object.entries({ bash: inBash, zsh: inZsh, fish: inFish })) {
  describe(`completion in ${shell}`, () => {
    it("commands, options, values", async () => {
      assert.deepEqual(await complete("tocha sta"), ["status"]);
      assert.deepEqual(await complete("tocha status -o "), ["text", "json", "yaml"].sort(order(shell)));
      assert.deepEqual(await complete("tocha failover his"), ["history"]);
    });

    it("names that a node tells, and none where it does not answer: no error, no waiting without end", async () => {
      const line = `tocha switchover --socket ${join(folder, "control.sock")} --to `;
      assert.deepEqual(await complete(line), ["gw1", "gw2"]);
      const asked = `tocha config rollback --socket ${join(folder, "control.sock")} `;
      assert.deepEqual((await complete(asked)).sort(), ["11", "12"]);
      isMute = true;
      assert.deepEqual(await complete(line), []);
      isMute = false;
      assert.deepEqual(await complete(`tocha switchover --socket ${folder}/nowhere --to `), []);
    });

    it("files", async () => {
      const [only = "", ...others] = await complete("tocha check my");
      assert.deepEqual(others, []);
      assert.match(only, /^my\\? cluster\.yaml ?$/);
    });
  });
}

/** fish sorts what it offers; the others leave it as it comes. */
function order(shell: string): (a: string, b: string) => number {
  return shell === "fish" ? (a, b) => (a < b ? -1 : 1) : () => 0;
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { healthyStatus } from "../contract/status.test-data.ts";
import type { UserList } from "../contract/users.ts";
import { makeAuthority, makeNodeCertificate } from "../keys/certificates.ts";

// The completion in real shells, with a pretended node behind a socket. `tocha` is found on PATH, as it is where it is installed.

const root = join(import.meta.dirname, "../..");
let folder = "";
let server: Server;
/** The API of the same node. */
let api: TlsServer;
let url = "";
const revisions = [12, 11].map((number) => ({
  ...{ number, parent: null, author: "root@gw1", at: "2026-11-26T05:00:00Z" },
  ...{ message: "guests: may print\nand scan", plan: [], id: String(number).repeat(20) },
}));
const token = {
  ...({ label: "metrics", role: "viewer", created: "2026-11-26T05:00:00Z" } as const),
  ...{ expires: null, lastUsed: null },
};
const user = { role: "operator", standing: "added", created: null, hasPassword: true } as const;
const users: UserList = {
  users: [
    { name: "ana", ...user, tokens: ["3f9a12", "77de00"].map((id) => ({ id, ...token })) },
    { name: "bob", ...user, tokens: [{ id: "b0b", ...token }] },
  ],
};
const edited = `groups: { main: { addresses: { wan: [192.0.2.1/24, "2001:db8::1/64"] } } }
metrics: { port: 9100 }
`;
const TRIES = 10;
/** Whether the pretended node answers, or lets everybody wait. */
let isMute = false;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-completion-"));
  symlinkSync(join(root, "bin/tocha"), join(folder, "tocha"));
  writeFileSync(join(folder, "my cluster.yaml"), "");
  writeFileSync(join(folder, "edited.yaml"), edited);
  const listener: RequestListener = ({ url: path = "", headers, socket }, response) => {
    const isStranger = "encrypted" in socket && headers.authorization !== "Bearer secret";
    const answer = path.startsWith("/v1/config/history")
      ? { revisions }
      : path.startsWith("/v1/users")
        ? users
        : healthyStatus();
    if (!isMute) response.writeHead(isStranger ? 401 : 200).end(JSON.stringify(answer));
  };
  server = createServer(listener);
  await listening((ready) => server.listen(join(folder, "control.sock"), ready));
  const authority = await makeAuthority();
  const { certificate: cert, privateKey: key } = await makeNodeCertificate("gw1", authority);
  writeFileSync(join(folder, "ca.crt"), authority.certificate);
  writeFileSync(join(folder, "token"), "secret\n");
  api = createTlsServer({ cert, key }, listener);
  await listening((ready) => api.listen(0, "127.0.0.1", ready));
  const address = api.address();
  assert.ok(address !== null && typeof address === "object");
  url = `https://127.0.0.1:${address.port}`;
});

async function listening(listen: (ready: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  listen(resolve);
  await promise;
}

after(() => {
  server.closeAllConnections();
  server.close();
  api.closeAllConnections();
  api.close();
  rmSync(folder, { recursive: true });
});

type Environment = Readonly<Record<string, string>>;

/** Runs a program to its end. @returns its standard output and standard error, together */
async function run(program: string, args: readonly string[], environment: Environment): Promise<string> {
  const child = spawn(program, args, {
    cwd: folder,
    env: {
      ...process.env,
      ...environment,
      PATH: `${folder}:${process.env["PATH"] ?? ""}`,
      TERM: "dumb",
      HOME: folder,
    },
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

type Complete = (line: string, environment?: Environment) => Promise<string[]>;

/** What bash would offer: its own function is called as readline does, with the line taken apart as readline does. */
const inBash: Complete = async (line, environment = {}) => {
  const script = `
    source <(tocha completion bash)
    compopt() { :; } # It only means something while readline completes.
    COMP_WORDS=(${line}); [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
    _tocha tocha "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return lines(await run("bash", ["-c", script, "bash", line], environment));
};

const inFish: Complete = async (line, environment = {}) => {
  const script = `tocha completion fish | source; complete --do-complete $argv[1]`;
  const offered = lines(await run("fish", ["--no-config", "-c", script, line], environment));
  return offered.map((one) => one.split("\t")[0] ?? "");
};

/** zsh completes only for somebody at a terminal: it gets one of its own, and types. */
const inZsh: Complete = async (line, environment = {}) => {
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
  const offered = await run("zsh", ["-f", "-c", script, "zsh", line], environment);
  // With and without its description each is added once.
  return [...new Set([...offered.matchAll(/<([^>]+)>/g)].map(([, word = ""]) => word))];
};

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Completion gives up after a second and a half, and on a busy machine it may do so before it has anything: then it is asked anew. */
function patiently(complete: Complete): Complete {
  return async (line, environment) => {
    for (let i = 1; ; i++) {
      const offered = await complete(line, environment);
      if (offered.length > 0 || i === TRIES) return offered;
    }
  };
}

for (const [shell, once] of Object.entries({ bash: inBash, zsh: inZsh, fish: inFish })) {
  const complete = patiently(once);
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
      assert.deepEqual(await once(line), []);
      isMute = false;
      assert.deepEqual(await once(`tocha switchover --socket ${folder}/nowhere --to `), []);
    });

    it("users, and the tokens of one of them", async () => {
      const socket = `--socket ${join(folder, "control.sock")}`;
      assert.deepEqual(await complete(`tocha user remove ${socket} `), ["ana", "bob"]);
      assert.deepEqual(await complete(`tocha user token remove ${socket} ana `), ["3f9a12", "77de00"]);
      assert.deepEqual(await once(`tocha user token remove ${socket} nobody `), []);
    });

    it("names that the API of a node tells, named on the line or in the environment", async () => {
      const line = `tocha switchover --ca ca.crt --token-file token --url=${url} --to `;
      assert.deepEqual(await complete(line), ["gw1", "gw2"]);
      const environment = {
        ...{ TOCHA_URL: url, TOCHA_CA: join(folder, "ca.crt"), TOCHA_TOKEN_FILE: join(folder, "token") },
      };
      assert.deepEqual(await complete("tocha switchover --to ", environment), ["gw1", "gw2"]);
      assert.deepEqual(await once("tocha switchover --to ", { ...environment, TOCHA_TOKEN_FILE: "" }), []);
      isMute = true;
      assert.deepEqual(await once("tocha switchover --to ", environment), []);
      isMute = false;
    });

    it("paths of the document that is edited, step by step", async () => {
      // zsh quotes what it offers.
      const plain = async (typed: string) =>
        (await complete(typed)).map((one) => one.replaceAll("\\", "")).sort();
      const line = "tocha config set -f edited.yaml ";
      assert.deepEqual(await plain(line), ["groups.", "metrics."]);
      assert.deepEqual(await plain(`${line}metrics.`), ["metrics.port"]);
      const wan = "groups.main.addresses.wan";
      assert.deepEqual(await plain(`${line}${wan}`), [wan, `${wan}[`, `${wan}[+]`].sort());
      // Typed as zsh itself has written the bracket before.
      const begun = `${wan}${shell === "zsh" ? "\\[" : "["}1`;
      assert.deepEqual(await plain(`tocha config unset -f edited.yaml ${begun}`), [`${wan}[192.0.2.1/24]`]);
    });

    it("files", async () => {
      const [only = "", ...others] = await complete("tocha check my");
      assert.deepEqual(others, []);
      assert.match(only, /^my\\? cluster\.yaml ?$/);
    });
  });
}

it("bash takes words apart at colons, and gets only what is behind the last", async () => {
  const begun = "tocha config unset -f edited.yaml groups.main.addresses.wan[2001";
  assert.deepEqual(await patiently(inBash)(`${begun} : d`), ["db8::1/64]"]);
  assert.deepEqual(await patiently(inBash)(`${begun} :`), ["db8::1/64]"]);
  const asked = url.split(":").join(" : ");
  const line = `tocha switchover --ca ca.crt --token-file token --url ${asked} --to `;
  assert.deepEqual(await patiently(inBash)(line), ["gw1", "gw2"]);
});

/** fish sorts what it offers; the others leave it as it comes. */
function order(shell: string): (a: string, b: string) => number {
  return shell === "fish" ? (a, b) => (a < b ? -1 : 1) : () => 0;
}

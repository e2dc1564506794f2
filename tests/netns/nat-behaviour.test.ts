import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { at, NatLab, pooled, SERVER_PORT, subscribers } from "./nat-lab.ts";

// How the translation behaves, judged from outside by coturn's discovery (RFC 5780) in the words of RFC 4787. What it says stands in
// docs/guide/nat.md: where a kernel changes it, this test says so.

const STUN_PORT = 3_478;

let nat: NatLab;
let folder: string;
let stun: ChildProcess;
let client: NamespaceAgent;
let server: NamespaceAgent;

before(async () => {
  await requireNamespaces(["turnserver", "turnutils_natdiscovery"]);
  nat = await NatLab.up("nb");
  folder = mkdtempSync(join(tmpdir(), "tocha-stun-"));
  const wan = nat.lab.namespace("wan");
  // Two addresses and two ports: it answers from another one where it is asked to.
  const listen = ["-L", at.server, "-L", at.otherServer, "-p", String(STUN_PORT)];
  const alone = ["--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--simple-log"];
  const files = ["--pidfile", join(folder, "pid"), "--userdb", join(folder, "users")];
  const args = ["netns", "exec", wan, "turnserver", "-n", "-S", "-z", ...listen, ...alone, ...files];
  stun = spawn("ip", args, { stdio: "ignore", cwd: folder });
  client = new NamespaceAgent(nat.lab.namespace("lan"));
  server = new NamespaceAgent(wan);
  for (const port of [SERVER_PORT, SERVER_PORT + 1]) await server.request({ do: "serve", port, ports: true });
  await waitFor("the STUN server to answer", async () => {
    const words = await discover(wan, ["-m", "-L", at.otherServer], at.server);
    return words.includes("Mapping!") || words.includes("No NAT");
  });
});

after(async () => {
  if (stun !== undefined && stun.exitCode === null) {
    const ended = once(stun, "exit");
    stun.kill("SIGKILL");
    await ended;
  }
  await Promise.all([client, server].map((agent) => agent?.close()));
  await nat?.down();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** What the discovery says of one behaviour. */
async function discover(namespace: string, options: readonly string[], address: string): Promise<string> {
  const args = [
    "netns",
    "exec",
    namespace,
    "turnutils_natdiscovery",
    ...options,
    "-p",
    String(STUN_PORT),
    address,
  ];
  const child = spawn("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  await once(child, "close");
  return said;
}

/** The three behaviours of one source, found side by side: each waits for what does not come. */
async function behaviour(namespace: string, local: readonly string[]) {
  const [mapping, filtering, hairpin] = await Promise.all(
    ["-m", "-f", "-H"].map((option) => discover(namespace, [option, ...local], at.server)),
  );
  return {
    mapping: /NAT with (.*) Mapping!/.exec(mapping ?? "")?.[1] ?? mapping,
    filtering: /NAT with (.*) Filtering!/.exec(filtering ?? "")?.[1] ?? filtering,
    hairpin: (hairpin ?? "").includes("successful hairpinning"),
  };
}

describe("UDP, as turnutils_natdiscovery sees it", () => {
  const dynamic = {
    mapping: "Endpoint Independent",
    filtering: "Address and Port Dependent",
    hairpin: false,
  };
  const sources = {
    "one address": at.client,
    "a pool": pooled[3] ?? "",
    "a subscriber's block": subscribers[1],
  };
  for (const [name, source] of Object.entries(sources)) {
    test(`${name}: the mapping is endpoint-independent, filtering is not, and there is no hairpin to it`, async () => {
      assert.deepEqual(await behaviour(nat.lab.namespace("lan"), ["-L", source]), dynamic);
    });
  }

  test("one to one: mapping and filtering are endpoint-independent, with hairpin", async () => {
    assert.deepEqual(await behaviour(nat.host, []), {
      ...{ mapping: "Endpoint Independent", filtering: "Endpoint Independent", hairpin: true },
    });
  });
});

describe("where mappings cease to be endpoint-independent", () => {
  const ask = async (localAddress: string, port: number) => {
    const question = { protocol: "udp", host: at.server, port, localAddress, localPort: 5_900 } as const;
    const answer = await client.request({ do: "ask", ...question });
    assert.ok("seen" in answer, JSON.stringify(answer));
    return answer.seen;
  };

  test("two hosts with one address and the same port share it, until both ask the same destination", async () => {
    const [first, second] = [at.client, "10.1.0.11"];
    assert.equal(await ask(first, SERVER_PORT), `${at.outside} 5900`);
    // The kernel tells the two apart by their destinations (port overloading: RFC 4787 REQ-3 forbids it).
    assert.equal(await ask(second, SERVER_PORT + 1), `${at.outside} 5900`);
    assert.notEqual(await ask(second, SERVER_PORT), `${at.outside} 5900`);
  });

  test("a subscriber's port stays the same towards every destination, although it had to be changed", async () => {
    const answers = [await ask(subscribers[1], SERVER_PORT), await ask(subscribers[1], SERVER_PORT + 1)];
    // 10.77.0.1 has 5056-9087: the port is kept. 10.77.0.0 has 1024-5055.
    assert.deepEqual(answers, Array(2).fill("203.0.113.0 5900"));
    const moved = [await ask(subscribers[0], SERVER_PORT), await ask(subscribers[0], SERVER_PORT + 1)];
    assert.ok(moved[0] !== undefined && !moved[0].endsWith(" 5900"), `seen as ${moved[0]}`);
    assert.equal(moved[1], moved[0]);
  });
});

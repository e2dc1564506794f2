import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/lab/run-command.ts";
import { brokenIcmp, changedIcmp, errorAbout, type IcmpFrame, icmp, icmpFrames } from "./icmp-frames.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { at, HOST_PORT, NatLab, pooled, SERVER_PORT, subscribers } from "./nat-lab.ts";

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
  for (const agent of [client, server]) await agent.request({ do: "capture", device: "eth0" });
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

const echo = fileURLToPath(new URL("../golden/send-echo.ts", import.meta.url));
/** Nobody listens there. */
const CLOSED_PORT = 9;

/** Sends an echo request and waits for the answer; without one it throws. */
async function ping(namespace: string, address: string, ...from: readonly string[]): Promise<void> {
  await runCommand("ip", ["netns", "exec", namespace, process.execPath, echo, address, "77", ...from]);
}

/** A datagram to a port where nobody listens: what comes of it. */
async function knock(
  agent: NamespaceAgent,
  host: string,
  port: number,
  localAddress?: string,
): Promise<string> {
  const from = localAddress === undefined ? {} : { localAddress };
  const answer = await agent.request({
    ...{ do: "ask", protocol: "udp", connected: true, host, port, ...from },
  });
  return "failed" in answer ? answer.failed : answer.seen;
}

async function captured(agent: NamespaceAgent, type?: number): Promise<IcmpFrame[]> {
  const { frames } = await agent.request({ do: "captured", device: "eth0" });
  return icmpFrames(frames, type);
}

/** All that comes by when frames are sent one after the other, until one of this type does. */
async function arrivals(
  type: number,
  [from, to]: readonly [NamespaceAgent, NamespaceAgent],
  frames: readonly string[],
): Promise<IcmpFrame[]> {
  await captured(to);
  await from.request({ do: "send-frames", device: "eth0", frames });
  const arrived: IcmpFrame[] = [];
  await waitFor(`a message of type ${type} to arrive`, async () => {
    arrived.push(...(await captured(to)));
    return arrived.some((one) => one.type === type);
  });
  return arrived;
}

/** The request of a ping from the LAN as an agent sees it, and the answer. */
async function pinged(agent: NamespaceAgent): Promise<readonly [IcmpFrame, IcmpFrame]> {
  await captured(agent);
  await ping(nat.lab.namespace("lan"), at.server);
  const frames = await captured(agent);
  const request = frames.find(({ type }) => type === icmp.echoRequest);
  const reply = frames.find(({ type }) => type === icmp.echoReply);
  return [request ?? assert.fail("no request"), reply ?? assert.fail("no reply")];
}

describe("ICMP, requirement by requirement of RFC 5508", () => {
  for (const [name, source] of Object.entries({
    "one address": at.client,
    "a pool": pooled[4] ?? "",
    "a subscriber's block": subscribers[2],
  })) {
    test(`REQ-1a: ${name}: a query keeps its identifier towards every destination`, async () => {
      await captured(server, icmp.echoRequest);
      for (const address of [at.server, at.otherServer])
        await ping(nat.lab.namespace("lan"), address, source);
      const requests = await captured(server, icmp.echoRequest);
      const seen = new Set(requests.map((one) => `${one.source} ${one.identifier}`));
      assert.deepEqual([requests.length, seen.size], [2, 1], [...seen].join(", "));
    });

    test(`REQ-4: ${name}: an error from outside reaches who is meant, translated back`, async () => {
      assert.match(await knock(client, at.server, CLOSED_PORT, source), /ECONNREFUSED/);
    });
  }

  test("REQ-3, REQ-4: an error with a wrong checksum is dropped, and so is one about nothing that is known", async () => {
    await captured(server, icmp.unreachable);
    assert.match(await knock(client, at.server, CLOSED_PORT), /ECONNREFUSED/);
    const [error] = await captured(server, icmp.unreachable);
    assert.ok(error);
    const unknown = changedIcmp(error, { embeddedSourcePort: 1 });
    const frames = [brokenIcmp(error), unknown, error.hex];
    const arrived = await arrivals(icmp.unreachable, [server, client], frames);
    assert.equal(arrived.filter(({ type }) => type === icmp.unreachable).length, 1, "the right one alone");
  });

  test("REQ-5: an error from inside gets out, with the outside address as its source", async () => {
    await captured(server, icmp.unreachable);
    assert.match(await knock(server, at.outside, 8_080), /ECONNREFUSED/, `nobody listens on ${HOST_PORT}`);
    const errors = await captured(server, icmp.unreachable);
    assert.deepEqual(
      errors.map((one) => one.source),
      [at.outside],
    );
  });

  test("REQ-6: an error about a query reaches who asked, and ends nothing: an answer passes after it", async () => {
    const [request, reply] = await pinged(server);
    const frames = [errorAbout(request), reply.hex];
    const arrived = await arrivals(icmp.echoReply, [server, client], frames);
    assert.deepEqual(
      arrived.map(({ type }) => type),
      [icmp.unreachable, icmp.echoReply],
    );
  });

  test("REQ-7: errors come back by hairpin; queries one to one", async () => {
    assert.match(await knock(client, at.outside, 8_080), /ECONNREFUSED/, "a port forward");
    assert.match(await knock(client, at.hostOutside, CLOSED_PORT), /ECONNREFUSED/, "one to one");
    await ping(nat.lab.namespace("lan"), at.hostOutside);
  });

  test("REQ-10: who sends with too short a life is told so", async () => {
    const [request] = await pinged(client);
    const frames = [changedIcmp(request, { ttl: 1 })];
    const told: IcmpFrame[] = [];
    // The kernel tells one host of errors once a second (icmp_ratelimit), and what it was sent before counts, too.
    await waitFor("an answer", async () => {
      await client.request({ do: "send-frames", device: "eth0", frames });
      told.push(...(await captured(client, icmp.timeExceeded)));
      return told.length > 0;
    });
    assert.match(told[0]?.source ?? "", /^10\.1\.0\./);
  });

  test("REQ-11: what is neither query nor error is dropped", async () => {
    const [request] = await pinged(client);
    const strange = changedIcmp(request, { type: icmp.routerSolicitation });
    const arrived = await arrivals(icmp.echoRequest, [client, server], [strange, request.hex]);
    assert.deepEqual(
      arrived.filter(({ type }) => type === icmp.routerSolicitation),
      [],
    );
  });
});

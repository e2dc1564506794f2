import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { powerOff } from "../../src/lab/node-power.ts";
import type { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { NamespaceEnd } from "./namespace-end.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { at, HOST_PORT, NatLab, pooled, SERVER_PORT, subscribers } from "./nat-lab.ts";

// Translations of every kind survive the power failure of the gateway: connections go on, and new ones look as the old ones did.

const ECHO_PORT = HOST_PORT;
const OUTER_PORT = SERVER_PORT + 1;
const OTHER_PORT = SERVER_PORT + 2;

let nat: NatLab;
let lab: TestLab;
let client: NamespaceAgent;
let server: NamespaceAgent;
const ends: NamespaceEnd[] = [];

before(async () => {
  await requireNamespaces(["conntrack"]);
  nat = await NatLab.up("nk");
  lab = nat.lab;
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  for (const port of [SERVER_PORT, OTHER_PORT]) await server.request({ do: "serve", port, ports: true });
});

after(async () => {
  for (const end of ends) end.close();
  await Promise.all([client, server].map((agent) => agent?.close()));
  await nat?.down();
});

function start(namespace: string, ...args: string[]): NamespaceEnd {
  const end = new NamespaceEnd(namespace, "echo-end.ts", args);
  ends.push(end);
  return end;
}

/** Address and port that the server sees. */
async function seen(
  protocol: "tcp" | "udp",
  localAddress: string,
  more: { readonly host?: string; readonly localPort?: number } = {},
): Promise<string> {
  const question = { protocol, localAddress, host: at.server, port: SERVER_PORT, ...more };
  const answer = await client.request({ do: "ask", ...question });
  assert.ok("seen" in answer, `${JSON.stringify(question)}: ${JSON.stringify(answer)}`);
  return answer.seen;
}

test("connections of every kind of translation go on, and mappings are the same on the other node", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const [, subscriber = ""] = subscribers;
  for (const address of [at.host, at.host6])
    await start(nat.host, "serve", "tcp", address, `${ECHO_PORT}`).hears("ready");
  await start(lab.namespace("wan"), "serve", "tcp", at.server, `${OUTER_PORT}`).hears("ready");
  const wan = lab.namespace("wan");
  const lan = lab.namespace("lan");
  const calls = {
    "a port forward": [wan, at.outside, "8080", "41001"],
    "a port forward of IPv6": [wan, at.outside6, "8080", "41002"],
    "hairpin to a port forward": [lan, at.outside, "8080", "41003"],
    "hairpin of IPv6": [lan, at.outside6, "8080", "41004"],
    "one to one, from outside": [wan, at.hostOutside, `${ECHO_PORT}`, "41005"],
    "one to one, to the outside": [nat.host, at.server, `${OUTER_PORT}`, "41006"],
    "hairpin, one to one": [lan, at.hostOutside, `${ECHO_PORT}`, "41007"],
    "a routed address": [wan, "203.0.113.41", "8080", "41008"],
    "a port of a subscriber": [lan, at.server, `${OUTER_PORT}`, "41009", subscriber],
  } as const;
  const callers = Object.entries(calls).map(([name, [namespace, ...args]]) => ({
    name,
    end: start(namespace, "call", "tcp", ...args),
  }));
  for (const { name, end } of callers) {
    await end.hears("connected", () => name);
    end.say("before");
    await end.hears("before", () => name);
  }
  const sources = [...pooled.slice(0, 4), ...subscribers];
  const outside = async (host: string) => {
    const all = [];
    for (const source of sources) all.push((await seen("tcp", source, { host })).split(" ")[0]);
    return all;
  };
  const before = await outside(at.server);
  // Of a port that its block does not have: the kernel has chosen another one.
  const datagrams = { localPort: 1_030 };
  const mapped = await seen("udp", subscriber, datagrams);
  assert.notEqual(mapped, "203.0.113.0 1030");
  await keepAsking(subscriber, datagrams.localPort);
  for (let port = 41_001; port <= 41_009; port++) {
    await waitFor(`the connection from port ${port} on ${standby}`, async () => {
      const flows = [...(await lab.flows(standby)), ...(await lab.flows(standby, "ipv6"))];
      return flows.some((line) => line.includes(`sport=${port} `) && line.includes("ASSURED"));
    });
  }
  await powerOff(lab.name, active);
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  for (const { name, end } of callers) {
    end.say("after");
    await end.hears("after", () => name);
    assert.deepEqual(
      end.heard.filter((line) => line !== "before"),
      ["connected", "after"],
      name,
    );
  }
  assert.deepEqual(
    await outside(at.otherServer),
    before,
    "the same address for every source, on the other node",
  );
  const again = await client.request({
    ...{ do: "ask", protocol: "udp", host: at.server, port: OTHER_PORT, localAddress: subscriber },
    ...datagrams,
  });
  assert.deepEqual(
    again,
    { seen: mapped },
    "the same port towards another destination: the mapping moved along",
  );
});

/** A stream of datagrams is mirrored when it has lasted for two seconds (docs/glossary.md, assured). */
async function keepAsking(localAddress: string, localPort: number): Promise<void> {
  const { standby } = await lab.rolesWhenWell();
  await waitFor(`the datagrams of ${localAddress} on ${standby}`, async () => {
    await seen("udp", localAddress, { localPort });
    return (await lab.flows(standby)).some(
      (line) =>
        line.startsWith("udp") &&
        line.includes(`src=${localAddress} `) &&
        line.includes(`sport=${localPort} `),
    );
  });
}

/** Timers of flows outlive the sweeps that renew them, on the standby too. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { powerOff } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { mirrored } from "./table-equality.ts";

/** The shortest that a document may ask for. */
const SWEEP_MS = 10_000;
const SERVER = "192.0.2.9";
const SERVICE_PORT = 7_101;
const UDP_PORT = 40_000;
/** Longer than the life of a UDP stream on the gateways of this test, and than the time that a standby gives a flow. */
const UDP_SECONDS = 45;
const UDP_STREAM_TIMEOUT_SECONDS = 12;

let lab: TestLab;

before(async () => {
  lab = await TestLab.up("udp", { refreshMs: SWEEP_MS });
});

after(async () => {
  await lab?.down();
});

test("a UDP stream that outlives all timers has the same translation after a failover", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  for (const node of [active, standby]) {
    const setting = `net.netfilter.nf_conntrack_udp_timeout_stream=${UDP_STREAM_TIMEOUT_SECONDS}`;
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "sysctl", "-qw", setting]);
  }
  const client = new NamespaceAgent(lab.namespace("lan"));
  const server = new NamespaceAgent(lab.namespace("wan"));
  try {
    await server.request({ do: "serve", port: SERVICE_PORT });
    // Both from one port: the translation must choose another one for the second.
    const ask = async () => {
      for (const localAddress of ["10.1.0.10", "10.1.0.11"]) {
        const answer = await client.request({
          ...({
            do: "ask",
            protocol: "udp",
            host: SERVER,
            port: SERVICE_PORT,
            localAddress,
            localPort: UDP_PORT,
          } as const),
        });
        assert.ok("seen" in answer, "failed" in answer ? answer.failed : "");
      }
    };
    const translations = async (node: string) =>
      (await mirrored(lab, node)).filter((line) => line.includes(`dport=${SERVICE_PORT}`)).sort();
    for (let second = 0; second < UDP_SECONDS; second++) {
      await ask();
      await sleep(1_000);
    }
    const known = await translations(active);
    assert.equal(known.length, 2);
    assert.deepEqual(await translations(standby), known, "the standby still has both");
    await powerOff(lab.name, active);
    await lab.waitForNode(standby, "active", ({ role }) => role === "active");
    // Nobody sends a datagram twice.
    await lab.waitForAddresses(standby);
    assert.deepEqual(await translations(standby), known);
    await ask();
    assert.deepEqual(await translations(standby), known, "no packet has made another translation");
  } finally {
    await client.close();
    await server.close();
  }
});

/**
 * What the helpers of TFTP, IRC, SIP, PPTP and H.323 expect, through a gateway whose daemon mirrors it, and through another one after the
 * first has lost its power (FTP: ftp.test.ts). Needs root.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { powerOff } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import type { ExpectationText } from "../../src/wire/expectations.test-data.ts";
import { TestLab } from "./daemon-node.ts";
import type { Entries } from "./entry-program.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { NamespaceEnd } from "./namespace-end.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

const SERVER = bareAddress(labAddresses.server[0]);
const CLIENT = bareAddress(labAddresses.client[0]);
const GATEWAY = bareAddress(labAddresses.virtual.wan[0]);
const told = ["tftp", "irc", "sip"] as const;
const [H245_PORT, CALL_PORT] = [31_245, 31_720];
const ZONE = 7;

// H.323 as its helpers have it: there is no program here that speaks it. The kernel gives each flow the helper by its name.
const call = { original: `${CLIENT} 41720 > ${SERVER} 1720`, reply: `${SERVER} 1720 > ${GATEWAY} 41720` };
const registration = {
  ...{ original: `${CLIENT} 1719 > ${SERVER} 1719`, reply: `${SERVER} 1719 > ${GATEWAY} 1719` },
};
const tcp = { protocol: 6, tcpState: 3, status: 0x0e, timeoutSeconds: 3_600 };
const udp = { protocol: 17, status: 0x0e, timeoutSeconds: 300 };
const fromServer = { mask: "255.255.255.255 0", timeoutSeconds: 240 };
const h323: Entries = {
  flows: [
    { ...tcp, ...call, helper: "Q.931" },
    { ...udp, ...registration, helper: "RAS" },
    // The same tuple once more: only the zone tells them apart.
    {
      ...tcp,
      original: call.original,
      reply: `${SERVER} 1720 > ${CLIENT} 41720`,
      helper: "Q.931",
      zone: ZONE,
    },
  ],
  expectations: [
    {
      ...{ ...fromServer, tuple: `6 ${SERVER} 0 > ${GATEWAY} ${H245_PORT}`, master: `6 ${call.original}` },
      ...{ helper: "Q.931", nat: `1 ${CLIENT} ${H245_PORT}`, expectFunction: "nat-follow-master" },
    },
    {
      ...{ ...fromServer, tuple: `6 ${SERVER} 0 > ${GATEWAY} ${CALL_PORT}`, flags: 1, helper: "RAS" },
      ...{ master: `17 ${registration.original}`, nat: `1 ${CLIENT} ${CALL_PORT}`, expectFunction: "Q.931" },
    },
    {
      ...{ ...fromServer, tuple: `6 ${SERVER} 0 > ${CLIENT} ${H245_PORT}`, master: `6 ${call.original}` },
      ...{ helper: "Q.931", zone: ZONE },
    },
  ],
};

let lab: TestLab;
let active: string;
let standby: string;
const ends = new Map<string, { readonly caller: NamespaceEnd; readonly server: NamespaceEnd }>();

before(async () => {
  await requireNamespaces(["conntrack"]);
  lab = await TestLab.up("help", { helpers: ["tftp", "irc", "sip", "pptp", "h323"] });
  ({ active, standby } = await lab.rolesWhenWell());
});

after(async () => {
  for (const { caller, server } of ends.values()) for (const end of [caller, server]) end.close();
  await lab?.down();
});

const logs = () => ["gw1", "gw2"].map((node) => `${node}:\n${lab.log(node).slice(-2_000)}`).join("\n");

async function entries(node: string, ...args: string[]): Promise<unknown> {
  const program = new URL("entry-program.ts", import.meta.url).pathname;
  const command = ["netns", "exec", lab.namespace(node), process.execPath, program, ...args];
  return JSON.parse(await runCommand("ip", command));
}

async function expectations(node: string): Promise<Required<ExpectationText>[]> {
  const all = (await entries(node, "expectations")) as Required<ExpectationText>[];
  // Timers run, and the standby's are longer.
  return all
    .map((one) => ({ ...one, timeoutSeconds: 0 }))
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

async function start(
  name: string,
  program: string,
  args: { readonly serve: readonly string[]; readonly call: readonly string[] },
): Promise<{ readonly caller: NamespaceEnd; readonly server: NamespaceEnd }> {
  const server = new NamespaceEnd(lab.namespace("wan"), program, args.serve);
  await server.hears("ready");
  const pair = { server, caller: new NamespaceEnd(lab.namespace("lan"), program, args.call) };
  ends.set(name, pair);
  return pair;
}

function endsOf(name: string): { readonly caller: NamespaceEnd; readonly server: NamespaceEnd } {
  const pair = ends.get(name);
  assert.ok(pair, `${name} has begun`);
  return pair;
}

/** A question and an answer through the call of PPTP. */
async function talk(text: string): Promise<void> {
  const { caller, server } = endsOf("pptp");
  caller.say(`${text}, question`);
  await server.hears(`${text}, question`, logs);
  server.say(`${text}, answer`);
  await caller.hears(`${text}, answer`, logs);
}

test("what helpers read in conversations through the active gateway is expected by the standby as well", async () => {
  for (const protocol of told) {
    const args = { serve: ["serve", protocol], call: ["call", protocol, SERVER, CLIENT] };
    const { server } = await start(protocol, "expect-end.ts", args);
    await server.hears(new RegExp(`^told ${GATEWAY} [0-9]+$`));
  }
  const { caller } = await start("pptp", "pptp-end.ts", { serve: ["serve"], call: ["call", SERVER] });
  await caller.hears("connected 777");
  await talk("through the first gateway");
  const helpers = async (node: string) => (await expectations(node)).map(({ helper }) => helper);
  await waitFor(
    `${standby} to expect what ${active} does`,
    async () => {
      const [own, mirrored] = [await helpers(active), await helpers(standby)];
      // The call of PPTP has come on the active node; what the standby has of it is an expectation.
      return told.every((name) => own.includes(name) && mirrored.includes(name)) && mirrored.includes("pptp");
    },
    { explain: logs },
  );
  const without = (all: readonly Required<ExpectationText>[]) =>
    all.filter(({ helper }) => helper !== "pptp");
  assert.deepEqual(without(await expectations(standby)), without(await expectations(active)));
});

test("what helpers of H.323 would expect, and what is expected in a zone, goes to the standby", async () => {
  const made = await entries(active, "make", JSON.stringify(h323));
  assert.deepEqual(made, { created: 3, expected: 3, refused: {} });
  const ofH323 = async (node: string) =>
    (await expectations(node)).filter(({ helper }) => helper === "Q.931" || helper === "RAS");
  const own = await ofH323(active);
  assert.deepEqual(own.map(({ zone }) => zone).sort(), [0, 0, ZONE]);
  await waitFor(`${standby} to have all`, async () => (await ofH323(standby)).length === own.length, {
    explain: logs,
  });
  assert.deepEqual(await ofH323(standby), own);
  for (const helper of ["Q.931", "RAS"])
    assert.ok(
      (await lab.flows(standby)).some((line) => line.includes(`helper=${helper}`)),
      `the channel that ${helper} watches is there, with it`,
    );
});

test("after a power failure everything that was expected comes through the other gateway, and the call goes on", async () => {
  await powerOff(lab.name, active);
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  // Nobody sends a datagram twice.
  await lab.waitForAddresses(standby);
  for (const protocol of told) {
    const { caller, server } = endsOf(protocol);
    server.say(`for ${protocol}`);
    await caller.hears(`for ${protocol}`, logs);
  }
  await talk("through the second gateway");
  await talk("and on");
  const callee = new NamespaceAgent(lab.namespace("lan"));
  const caller = new NamespaceAgent(lab.namespace("wan"));
  try {
    for (const port of [H245_PORT, CALL_PORT]) {
      await callee.request({ do: "serve", port });
      const answer = await caller.request({ do: "ask", protocol: "tcp", host: GATEWAY, port });
      assert.deepEqual(answer, { seen: SERVER }, "the call's channel is let in, and translated");
    }
    const stranger = await caller.request({ do: "ask", protocol: "tcp", host: GATEWAY, port: H245_PORT });
    assert.ok("failed" in stranger, "what is not expected does not come in");
  } finally {
    await callee.close();
    await caller.close();
  }
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bareAddress, labAddresses, nodeNames } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import { FlowRecordReader } from "../../src/wire/flow-record.ts";
import { flowText } from "../../src/wire/flows.test-data.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// Rules of the operator's own change the mark and the labels of a connection that has long been established.

const PORT = 7_001;
const server = bareAddress(labAddresses.server[0]);
const end = fileURLToPath(new URL("../network/echo-end.ts", import.meta.url));
const reader = fileURLToPath(new URL("../network/move-flows.ts", import.meta.url));
/** Data are marked, the handshake is not. */
const RULES = `add table inet own
add chain inet own forwarded { type filter hook forward priority 10; }
add rule inet own forwarded tcp dport ${PORT} tcp flags & psh == psh ct mark set 42 ct label set 3
`;

let lab: TestLab | undefined;
const programs: ChildProcess[] = [];

after(async () => {
  for (const program of programs) program.kill("SIGKILL");
  await lab?.down();
});

function start(part: string, args: readonly string[]) {
  const namespace = lab?.namespace(part) ?? "";
  const child = spawn("ip", ["netns", "exec", namespace, process.execPath, end, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  programs.push(child);
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  return { child, until: (text: string) => waitFor(`${part} to say ${text}`, () => said.includes(text)) };
}

test("a new mark and a new label are on the standby at once, with replication.marks", async () => {
  await requireNamespaces();
  lab = await TestLab.up("mk", { marks: true });
  const { standby } = await lab.rolesWhenWell();
  for (const node of nodeNames(lab.settings)) {
    const load = spawn("ip", ["netns", "exec", lab.namespace(node), "nft", "-f", "-"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    load.stdin.end(RULES);
    await waitFor(`rules on ${node}`, () => load.exitCode === 0);
  }
  await start("wan", ["serve", "tcp", server, String(PORT)]).until("ready");
  const caller = start("lan", ["call", "tcp", server, String(PORT), "45001"]);
  await caller.until("connected");
  const onStandby = async (mark: number) =>
    await waitFor(`the connection on ${standby} with mark ${mark}`, async () =>
      (await flows(standby)).find((flow) => flow.original.includes(" 45001 ") && flow.mark === mark),
    );
  assert.equal((await onStandby(0)).labels, "");
  caller.child.stdin.write("data\n");
  await caller.until("data");
  // Bit 3 of 128, in the kernel's memory.
  assert.equal((await onStandby(42)).labels, "08".padEnd(32, "0"));
});

/** The entries of a node, with their labels: conntrack prints only those that have names. */
async function flows(node: string): Promise<ReturnType<typeof flowText>[]> {
  const namespace = lab?.namespace(node) ?? "";
  const records = await runCommand("ip", ["netns", "exec", namespace, process.execPath, reader, "read"]);
  const read = new FlowRecordReader(new Uint8Array(Buffer.from(records, "hex")));
  const found: ReturnType<typeof flowText>[] = [];
  const fields = new FlowFields();
  while (!read.atEnd) {
    assert.equal(read.next(fields), "upsert");
    found.push(flowText(fields));
  }
  return found;
}

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { FtpSession } from "./ftp-session.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// FTP through the translation of a gateway that loses its power: in the middle of a transfer, and between the agreement
// about the data connection and that connection, when all that another gateway can know of it is the helper's expectation.
// In active mode the kernel also rewrites the client's PORT command, and shifts the sequence numbers of the connection.

/** The first transfer lasts for six seconds: many times a takeover, even where the machine is busy. */
const BYTES_PER_SECOND = 1 << 19;
const fileBytes = { large: 6 * BYTES_PER_SECOND, small: BYTES_PER_SECOND };
const server = bareAddress(labAddresses.server[0]);
/** Longer in letters than the address that replaces it in PORT commands: every one of them shifts the sequence numbers. */
const client = "10.77.200.100";

function content(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 4) made.writeUInt32LE(Math.imul(i + bytes, 0x9e3779b1) >>> 0, i);
  return made;
}

/** What a client must have in the end. */
const whole = {
  large: summary(content(fileBytes.large)),
  small: summary(content(fileBytes.small)),
};

function summary(bytes: Buffer): { bytes: number; sha256: string } {
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

let lab: TestLab;
let folder: string;
let daemon: ChildProcess;

before(async () => {
  await requireNamespaces(["vsftpd", "conntrack"]);
  lab = await TestLab.up("ftp", { helpers: ["ftp"] });
  await runCommand("ip", ["-n", lab.namespace("lan"), "address", "add", `${client}/32`, "dev", "lo"]);
  folder = mkdtempSync(join(tmpdir(), "tocha-ftp-"));
  startServer();
  await waitFor("vsftpd to listen", async () => {
    const listening = await runCommand("ip", ["netns", "exec", lab.namespace("wan"), "ss", "-tlnH"]);
    return listening.includes(`${server}:21`);
  });
});

after(async () => {
  daemon?.kill("SIGKILL");
  await lab?.down();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function startServer(): void {
  const root = join(folder, "root");
  const empty = join(folder, "empty");
  for (const one of [root, empty]) mkdirSync(one, { mode: 0o755 });
  for (const [name, bytes] of Object.entries(fileBytes)) {
    writeFileSync(join(root, name), content(bytes), { mode: 0o644 });
  }
  const settings = {
    ...{ listen: "YES", listen_address: server, background: "NO", anonymous_enable: "YES" },
    ...{ anon_root: root, secure_chroot_dir: empty, anon_max_rate: BYTES_PER_SECOND, no_anon_password: "NO" },
    // The sandbox of Debian's version knows no system calls of newer C libraries, and the namespace is isolated already.
    ...{ seccomp_sandbox: "NO", isolate: "NO", isolate_network: "NO", connect_from_port_20: "YES" },
    ...{ xferlog_enable: "NO", pasv_enable: "YES", port_enable: "YES" },
  };
  const config = join(folder, "vsftpd.conf");
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(config, lines.join(""));
  // mkdtemp makes a folder for its owner alone; the server reads it as another user.
  chmodSync(folder, 0o755);
  daemon = spawn("ip", ["netns", "exec", lab.namespace("wan"), "vsftpd", config], { stdio: "inherit" });
}

const logs = () => ["gw1", "gw2"].map((node) => `${node}:\n${lab.log(node).slice(-2_000)}`).join("\n");

async function expectations(node: string): Promise<string> {
  return await runCommand("sh", [
    "-c",
    `exec ip netns exec ${lab.namespace(node)} conntrack -L expect 2>/dev/null`,
  ]);
}

async function takeOver(active: string, standby: string): Promise<void> {
  await powerOff(lab.name, active);
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
}

/** Both gateways with everything, as before the first test; the session of the last test has ended. */
async function begin(): Promise<{ active: string; standby: string; session: FtpSession }> {
  const roles = await lab.rolesWhenWell();
  const session = new FtpSession(lab.namespace("lan"), client);
  await session.logIn(server);
  await waitFor(
    `the control connection with its helper on ${roles.standby}`,
    async () => (await lab.flows(roles.standby)).some((line) => line.includes("helper=ftp")),
    { explain: logs },
  );
  return { ...roles, session };
}

for (const mode of ["passive", "active"] as const) {
  test(`a ${mode} transfer goes on when the gateway dies in its middle, and the session takes another one`, async () => {
    const { active, standby, session } = await begin();
    try {
      const open = await session.prepare(mode);
      open();
      await session.command("RETR large", "150");
      await waitFor("a part of the file", async () => (await session.progress()) > fileBytes.large / 4);
      await takeOver(active, standby);
      const before = await session.progress();
      assert.ok(
        before < fileBytes.large,
        `${before} bytes: the transfer was over too early to show anything`,
      );
      assert.deepEqual(await session.finish(), whole.large);
      await transfer(session, mode);
    } finally {
      session.close();
      await powerOn(lab.name, active);
    }
  });

  test(`a ${mode} transfer begins when the gateway died after the agreement about it`, async () => {
    const { active, standby, session } = await begin();
    try {
      const open = await session.prepare(mode);
      await waitFor(
        `the expectation on ${standby}`,
        async () => (await expectations(standby)).includes("helper=ftp"),
        { explain: logs },
      );
      await takeOver(active, standby);
      open();
      await session.command("RETR large", "150");
      assert.deepEqual(await session.finish(), whole.large);
      const flows = (await lab.flows(standby)).filter((line) => line.includes(`dst=${server}`));
      assert.ok(flows.length > 0);
      await transfer(session, mode);
    } finally {
      session.close();
      await powerOn(lab.name, active);
    }
  });
}

/** One more transfer over the same control connection. */
async function transfer(session: FtpSession, mode: "active" | "passive"): Promise<void> {
  const open = await session.prepare(mode);
  open();
  await session.command("RETR small", "150");
  assert.deepEqual(await session.finish(), whole.small);
}

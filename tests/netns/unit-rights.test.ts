import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { NodeStatus } from "../../src/contract/status.ts";
import { documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { TestDaemon, TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertCodeIsLocked, capabilitiesOf } from "./process-status.ts";
import { asInUnit, isMemoryLockSettable, memoryLockLimit, unitFile } from "./unit-stand-in.ts";

// What the unit lets a node do: its settings one by one, and what becomes of them in the processes. Who changes one of them changes it here,
// too, with the reason.

/** Every setting that takes something away from the node, or leaves it something; and why. */
const security: readonly (readonly [setting: string, why: string])[] = [
  [
    "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_NICE CAP_SETPCAP CAP_SETUID CAP_SETGID CAP_KILL",
    "whoever gets into the node as root has these rights and no others",
  ],
  ["LimitCORE=0", "a dump would hold the keys of the cluster"],
  ["LimitMEMLOCK=256M", "instead of CAP_IPC_LOCK, which has no limit"],
  ["LockPersonality=yes", "other execution domains are ways into the kernel that nobody looks after"],
  ["MemorySwapMax=0", "a takeover after months of quiet waits for no disk"],
  ["NoNewPrivileges=yes", "programs with the set-user-id bit give nothing back of what was taken away"],
  ["NotifyAccess=main", "only the supervisor speaks to systemd"],
  ["PrivateDevices=yes", "a gateway needs no disk and no memory device"],
  ["PrivateTmp=yes", "nobody else's files in /tmp, nor ours for others"],
  ["ProtectClock=yes", "lifetimes and certificates go by the clock"],
  ["ProtectControlGroups=yes", "nobody lifts the limits of this unit"],
  ["ProtectHome=yes", "keys and files of users are none of a gateway's business"],
  ["ProtectHostname=yes", "the machine's name is not the node's"],
  ["ProtectKernelLogs=yes", "the kernel's log tells addresses"],
  ["ProtectKernelModules=yes", "the kernel loads what rules need by itself"],
  ["ProtectSystem=strict", "nothing outside of its own folders is written to"],
  ["ReadWritePaths=-/etc/tocha", "the one exception: the file that people edit follows what was applied"],
  ["RemoveIPC=yes", "nothing stays behind in shared memory"],
  [
    "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6 AF_PACKET",
    "no sockets but those of a gateway: other families have the most defects",
  ],
  ["RestrictNamespaces=yes", "a new user namespace would give all capabilities inside"],
  ["RestrictSUIDSGID=yes", "no way back to root for who was in the node once"],
  ["RuntimeDirectoryMode=0700", "the control socket is root's"],
  ["StateDirectoryMode=0700", "history, users and tokens are root's"],
  ["SupplementaryGroups=tty", "what is taken back is told on terminals"],
  ["SystemCallArchitectures=native", "the filter below knows no others"],
  ["SystemCallErrorNumber=EPERM", "a refused call is an error that can be told, and not the end of a role"],
  ["SystemCallFilter=@system-service", "no mounts, no modules, no reboot, no debugging of others"],
  ["TasksMax=256", "a fork bomb ends at the unit"],
  ["UMask=0077", "new files are root's alone"],
];

/** Settings that say when and how it runs. What they run is looked at below. */
const operation = new Set(
  [
    ["Type", "ExecStart", "ExecStopPost", "Restart", "RestartSec", "RestartPreventExitStatus", "KillMode"],
    ["TimeoutStopSec", "TimeoutAbortSec", "WatchdogSec", "WatchdogSignal", "OOMPolicy", "OOMScoreAdjust"],
    ["RuntimeDirectory", "RuntimeDirectoryPreserve", "StateDirectory", "CacheDirectory", "Environment"],
  ].flat(),
);

/** The lines of the unit's section that count. */
function serviceSettings(): string[] {
  const [, section = ""] = readFileSync(unitFile, "utf8").split("\n[Service]\n");
  const [settings = ""] = section.split(/^\[/m);
  return settings.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

let lab: TestLab;
let daemon: TestDaemon;
let status: NodeStatus;

before(async () => {
  await requireNamespaces(["prlimit", "setpriv"]);
  lab = await TestLab.up("tu", { nodes: 1 }, { daemons: false });
  const config = documentPath(lab.name);
  appendFileSync(config, "api: { interface: lan }\n");
  daemon = new TestDaemon({
    ...{ namespace: lab.namespace("gw1"), config, node: "gw1", runDirectory: nodeFolder(lab.name, "gw1") },
    through: asInUnit(),
  });
  status = await waitFor(
    "all processes to answer, and the node to be active",
    async () => {
      const now = await lab.tryStatus("gw1");
      if (now?.role !== "active") return undefined;
      return now.processes.every(({ state }) => state === "answers") ? now : undefined;
    },
    { explain: () => daemon.said },
  );
});

after(async () => {
  await daemon?.stop();
  await lab?.down();
});

function pidOf(role: string): number {
  const found = status.processes.find((one) => one.role === role);
  assert.ok(found !== undefined, role);
  return found.pid;
}

test("the unit has every setting that is told here, and none besides", () => {
  const present = serviceSettings().filter((line) => !operation.has(line.split("=", 1)[0] ?? ""));
  for (const [setting, why] of security)
    assert.ok(present.includes(setting), `${setting} is missing: ${why}`);
  // Lists go on with every further line of the same name: one that is there twice is another one.
  assert.deepEqual(present.sort(), security.map(([setting]) => setting).sort());
});

test("the unit starts no program with more rights than that", () => {
  const started = serviceSettings().filter((line) => line.startsWith("Exec"));
  assert.equal(started.length, 2);
  // systemd.service(5): "+" and "!" lift what the unit takes away; "-" forgives a failure.
  for (const line of started) assert.match(line, /^Exec\w+=-?\//);
});

test("each process has the capabilities that it needs of the unit's, and none besides", () => {
  // In the order of their numbers. setpcap: roles give up what they do not need; setgid, setuid, kill: the API's process.
  const supervisor = ["kill", "setgid", "setuid", "setpcap", "net_admin", "net_raw", "sys_nice"];
  for (const set of ["CapEff", "CapPrm", "CapBnd"] as const)
    assert.deepEqual(capabilitiesOf(pidOf("supervisor"), set), supervisor, `${set} of the supervisor`);
  const roles = {
    failover: ["net_admin", "net_raw", "sys_nice"],
    replicator: ["net_admin", "net_raw"],
    control: ["net_admin", "net_raw"],
    api: [],
  };
  for (const [role, expected] of Object.entries(roles))
    assert.deepEqual(capabilitiesOf(pidOf(role)), expected, role);
  for (const { role, pid } of status.processes)
    assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^NoNewPrivs:\s+1$/m, role);
});

/** What the failover role says that it has locked, and what its kernel allows it to. */
function lockedMemory(): { lockedBytes: number; limit: number } {
  const limits = readFileSync(`/proc/${pidOf("failover")}/limits`, "utf8");
  const lockedKiB = status.processes.find(({ role }) => role === "failover")?.lockedKiB ?? 0;
  return {
    lockedBytes: lockedKiB * 1_024,
    limit: Number(/^Max locked memory +(\d+) /m.exec(limits)?.[1]),
  };
}

test("without CAP_IPC_LOCK the failover role locks its code as far as the limit goes", () => {
  const { lockedBytes, limit } = lockedMemory();
  assert.ok(lockedBytes > 0);
  assert.ok(lockedBytes <= limit, `${lockedBytes} of ${limit} bytes`);
});

// Root may not set the unit's limit everywhere (CAP_SYS_RESOURCE). That all of the code is less than it is asserted in hangs.test.ts.
if (isMemoryLockSettable())
  test("the unit's limit goes as far as all of its code", () => {
    const { lockedBytes, limit } = lockedMemory();
    assert.equal(limit, memoryLockLimit());
    assert.ok(lockedBytes > 10_000 << 10, `${lockedBytes} of ${limit} bytes`);
    assertCodeIsLocked(pidOf("failover"));
  });

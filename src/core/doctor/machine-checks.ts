import { counted } from "../../base/number-text.ts";
import { kernelFeatures, kernelFiles, neededTools } from "../../contract/kernel-features.ts";
import { type DoctorCheck, finding, hasOthers } from "./examination.ts";

/** The owner flag of nftables tables (docs/decisions/0005-falling-silent.md). */
const KERNEL_MIN = [5, 12] as const;

export const rootCheck: DoctorCheck = {
  name: "root",
  good: "the examination runs as root",
  find: (node) =>
    node.isRoot
      ? []
      : [
          finding(node, "error", "not-root", {
            on: "this command",
            what: "the examination does not run as root",
            why: "What the kernel would do can only be asked as root, and a gateway runs as root.",
            command: "sudo tocha doctor",
          }),
        ],
};

export const toolsCheck: DoctorCheck = {
  name: "tools",
  good: "nft and ip are installed",
  find: (node) =>
    neededTools
      .filter(({ name }) => node.tools.find((tool) => tool.name === name)?.version === null)
      .map(({ name, debianPackage, why }) =>
        finding(node, "error", "tool-missing", {
          on: name,
          what: `the program ${name} is not installed`,
          why: `Without it a gateway cannot run: ${why}.`,
          command: `apt-get install ${debianPackage}`,
        }),
      ),
};

export const kernelCheck: DoctorCheck = {
  name: "kernel",
  needsRoot: true,
  good: "the kernel has every feature that is needed",
  find: (node) => {
    const { release, lackingFeatures, hasConntrackEvents, hasPacketSockets } = node.kernel;
    const found = lackingFeatures.map(({ name, said }) => {
      const module = kernelFeatures.find((feature) => feature.name === name)?.module ?? "nf_tables";
      return featureFinding(node, { name, module }, `nft says: ${said}`);
    });
    const { conntrackEvents, packetSockets } = kernelFiles;
    if (!hasConntrackEvents && found.length === 0)
      found.push(featureFinding(node, conntrackEvents, `${conntrackEvents.path} is not there`));
    if (!hasPacketSockets)
      found.push(featureFinding(node, packetSockets, `${packetSockets.path} is not there`));
    const [major = 0, minor = 0] = release.split(".").map(Number.parseFloat);
    if (major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1])) {
      found.push(
        finding(node, "error", "kernel-old", {
          on: `Linux ${release}`,
          what: `the kernel is Linux ${release}; tocha needs ${KERNEL_MIN.join(".")} or later`,
          why: "Rules that go by themselves when a process dies are of this release; without them a dead node goes on to answer.",
          command: "apt-get install linux-image-amd64",
        }),
      );
    }
    return found;
  },
};

function featureFinding(
  node: { readonly node: string },
  { name, module }: { readonly name: string; readonly module: string },
  said: string,
) {
  return finding(node, "error", "kernel-feature-missing", {
    on: "kernel",
    what: `the kernel lacks ${name} (${said})`,
    why: "The node's rules cannot be loaded, or its connections not be mirrored.",
    command: `modprobe ${module}`,
  });
}

export const flowKindsCheck: DoctorCheck = {
  name: "flow-kinds",
  needsRoot: true,
  good: "the kernel takes every kind of connection that another node has",
  isTelling: hasOthers,
  find: (node, { nodes }) => {
    const { lackingKinds } = node.kernel;
    if (lackingKinds === null) return [];
    const known = nodes.flatMap(({ kernel }) => (kernel.lackingKinds === null ? [] : [kernel.lackingKinds]));
    const onlyHere = lackingKinds.filter((kind) => known.some((lacking) => !lacking.includes(kind)));
    const nowhere = lackingKinds.filter((kind) => !onlyHere.includes(kind));
    const on = "kernel";
    const found = [];
    if (onlyHere.length > 0) {
      found.push(
        finding(node, "warning", "flow-kinds-missing", {
          on,
          what: `the kernel does not take these connections, and that of another node does: ${onlyHere.join(", ")}`,
          why: "They do not survive when this node takes over.",
          command: "ls /lib/modules/$(uname -r)/kernel/net/netfilter",
        }),
      );
    }
    if (nowhere.length > 0) {
      found.push(
        finding(node, "note", "flow-kinds-missing", {
          on,
          what: `the kernel does not take connections with: ${nowhere.join(", ")}`,
          why: "No node has them, so nothing of the kind is tracked that could be lost.",
          command: "",
        }),
      );
    }
    return found;
  },
};

export const rulesCheck: DoctorCheck = {
  name: "rules",
  needsRoot: true,
  good: "the kernel takes the rules of the node",
  isTelling: (node) => node.refusals !== undefined,
  // Where nft or a feature is missing, that is found already.
  find: (node, examination) =>
    toolsCheck.find(node, examination).length > 0 || node.kernel.lackingFeatures.length > 0
      ? []
      : (node.refusals ?? []).map((what) =>
          finding(node, "error", "rules-refused", {
            on: "rules",
            what,
            why: "A gateway without its rules translates nothing, so this node cannot become active.",
            command: "nft --version",
          }),
        ),
};

export const ipvsCheck: DoctorCheck = {
  name: "ipvs",
  good: "the kernel has IPVS",
  find: (node) =>
    node.kernel.hasIpvs
      ? []
      : [
          finding(node, "note", "no-ipvs", {
            on: "kernel",
            what: "the kernel has no IPVS",
            why: "Address translation does not need it; balancing load over servers by IPVS would.",
            command: "modprobe ip_vs",
          }),
        ],
};

export const realTimeCheck: DoctorCheck = {
  name: "real-time",
  needsRoot: true,
  good: "the failover role has real-time priority",
  find: (node) =>
    node.realTime !== false
      ? []
      : [
          finding(node, "warning", "no-real-time", {
            on: "failover role",
            what: node.daemonRuns
              ? "the failover role runs without real-time priority"
              : "a process here may not have real-time priority",
            why: "On a busy machine it wakes up late, and its peers take it for dead.",
            command: `systemctl show tocha@${node.node} -p CapabilityBoundingSet -p RestrictRealtime -p LimitRTPRIO`,
          }),
        ],
};

/** Once may be a machine that was moved to another host; so often is what it is like. */
const LATE_TIMES_MANY = 10;
/** Of a hypervisor's machines, all have a little withheld. */
const WITHHELD_SHARE_TELLING = 0.001;

export const latenessCheck: DoctorCheck = {
  name: "lateness",
  good: "the failover role was always woken in time",
  isTelling: ({ lateness }) => lateness !== undefined && lateness !== null,
  find: (node) => {
    const { times, maxMs } = node.lateness ?? { times: 0, maxMs: 0 };
    if (times === 0) return [];
    const share = node.withheldShare ?? 0;
    const withheld =
      share < WITHHELD_SHARE_TELLING
        ? ""
        : `; the hypervisor has withheld ${(share * 100).toFixed(1)} % of the processors' time since the machine was started`;
    return [
      finding(node, times < LATE_TIMES_MANY ? "note" : "warning", "woken-late", {
        on: "failover role",
        what: `the failover role was woken too late ${counted(times, "time")}, by up to ${maxMs.toFixed(0)} ms${withheld}`,
        why: "Its peers take it for dead meanwhile. It needs more of the processors, or a longer interval.",
        command: "vmstat --wide 1 10",
      }),
    ];
  },
};

export const lockedMemoryCheck: DoctorCheck = {
  name: "locked-memory",
  good: "the failover role keeps its code in memory",
  find: (node) =>
    node.lockedKiB !== 0
      ? []
      : [
          finding(node, "note", "memory-not-locked", {
            on: "failover role",
            what: "the failover role may not lock its code in memory",
            why: "After long quiet a takeover may wait until it is read from the disk again.",
            command: `systemctl show tocha@${node.node} -p LimitMEMLOCK -p MemorySwapMax`,
          }),
        ],
};

const FREE_BYTES_MIN = 64 << 20;
const FREE_SHARE_MIN = 0.05;
/** On a large disk five in a hundred are much, too. */
const FREE_BYTES_ENOUGH = 4 * 2 ** 30;

export const diskCheck: DoctorCheck = {
  name: "disk",
  needsRoot: true,
  good: "there is room for the node's state, and it can be written",
  find: (node) =>
    node.disks.flatMap(({ path, freeBytes, totalBytes, writable }) => {
      const found = [];
      if (!writable) {
        found.push(
          finding(node, "error", "not-writable", {
            on: path,
            what: `${path} cannot be written to`,
            why: "The node keeps its history and what it was told there: it would forget them.",
            command: `findmnt --target ${path}; ls -ld ${path}`,
          }),
        );
      }
      const isShort = freeBytes < FREE_SHARE_MIN * totalBytes && freeBytes < FREE_BYTES_ENOUGH;
      if (totalBytes > 0 && (isShort || freeBytes < FREE_BYTES_MIN)) {
        found.push(
          finding(node, freeBytes < FREE_BYTES_MIN ? "error" : "warning", "disk-nearly-full", {
            on: path,
            what: `the disk of ${path} has ${Math.floor(freeBytes / 2 ** 20)} MiB left`,
            why: "When it is full, neither the history nor the log can be written.",
            command: `df -h ${path}; du -xh --max-depth=2 ${path} | sort -h | tail`,
          }),
        );
      }
      return found;
    }),
};

export const historyCheck: DoctorCheck = {
  name: "history",
  good: "every revision of the document is on the disk as it was made",
  isTelling: ({ history }) => history !== undefined && history !== null,
  find: (node) => {
    const { directory = "", problem = null } = node.history ?? {};
    if (problem === null) return [];
    return [
      finding(node, "error", "history-broken", {
        on: directory,
        what: `the stored history of the document is damaged: ${problem}`,
        why: "The node runs what applies, and cannot tell or take back what was before; others cannot catch up from it.",
        command: `systemctl stop tocha@${node.node}; mv ${directory} ${directory}.broken; systemctl start tocha@${node.node}`,
      }),
    ];
  },
};

export const serviceCheck: DoctorCheck = {
  name: "service",
  good: "systemd starts the node when the machine starts",
  find: (node) => {
    const { hasSystemd, unit, load, enabled, runsUnderIt } = node.service;
    if (!hasSystemd) return [];
    if (node.daemonRuns && !runsUnderIt) {
      return [
        finding(node, "note", "not-a-service", {
          on: unit,
          what: "the daemon was started by hand",
          why: "Nobody starts it again when it ends, or when the machine starts.",
          command: `systemctl enable --now ${unit}`,
        }),
      ];
    }
    if (load !== "loaded" && load !== "") {
      return [
        finding(node, node.daemonRuns ? "warning" : "note", "unit-missing", {
          on: unit,
          what: `systemd has no unit ${unit} (${load})`,
          why: "Nobody starts the daemon when the machine starts.",
          command: "cp packaging/systemd/tocha@.service /etc/systemd/system/ && systemctl daemon-reload",
        }),
      ];
    }
    if (load !== "loaded" || enabled.startsWith("enabled")) return [];
    return [
      finding(node, "warning", "unit-not-enabled", {
        on: unit,
        what: `${unit} is ${enabled === "" ? "not enabled" : enabled}`,
        why: "After the next start of the machine the node does not run.",
        command: `systemctl enable ${unit}`,
      }),
    ];
  },
};

export const failuresCheck: DoctorCheck = {
  name: "examination",
  good: "everything could be found out",
  find: (node) =>
    node.failures.map(({ what }) =>
      finding(node, "note", "not-found-out", {
        on: "the examination",
        what,
        why: "What it would have shown is not known.",
        command: "",
      }),
    ),
};

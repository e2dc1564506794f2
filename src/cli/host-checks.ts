import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../base/problem.ts";

/** What this machine lacks to be a gateway; empty when it lacks nothing. Changes nothing. */
export function hostProblems(devices: readonly string[]): Problem[] {
  // Without root nothing else can be asked truthfully.
  if (process.geteuid?.() !== 0) return [notRoot()];
  const tools = missingTools();
  if (tools.length > 0) return tools;
  return [...missingKernelFeatures(), ...missingDevices(devices)];
}

function notRoot(): Problem {
  return {
    code: "not-root",
    message:
      "a gateway must run as root: it sets addresses, nftables rules and the kernel's connection table",
    hint: "Run it with sudo, or as a service.",
  };
}

const tools = [
  { name: "nft", debianPackage: "nftables", why: "it loads the translation rules" },
  { name: "git", debianPackage: "git", why: "it keeps the history of the document" },
  { name: "ip", debianPackage: "iproute2", why: "it shows and repairs addresses and links" },
] as const;

function missingTools(): Problem[] {
  return tools
    .filter(({ name }) => findTool(name) === undefined)
    .map(({ name, debianPackage, why }) => ({
      code: "missing-tool",
      message: `the program ${name} is not installed: ${why}`,
      hint: `Install it: apt-get install ${debianPackage}`,
    }));
}

function findTool(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"].filter(
    (folder) => folder !== "",
  );
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Feature {
  readonly name: string;
  readonly module: string;
  /** A table that is checked by the kernel and never made. */
  readonly table: string;
}

const inet = (chain: string) => `table inet tocha-check {\n${chain}\n}\n`;

const features: readonly Feature[] = [
  {
    name: "nftables with connection tracking",
    module: "nft_ct",
    table: inet("chain a {\n type filter hook forward priority filter\n ct state invalid drop\n}"),
  },
  {
    name: "selection of connection events (ct event set)",
    module: "nft_ct",
    table: inet("chain b {\n type filter hook forward priority filter\n ct event set assured,destroy\n}"),
  },
  {
    name: "address translation",
    module: "nft_chain_nat",
    table: inet("chain c {\n type nat hook postrouting priority srcnat\n snat ip to 192.0.2.1\n}"),
  },
  {
    name: "masquerade",
    module: "nft_masq",
    table: inet("chain d {\n type nat hook postrouting priority srcnat\n masquerade\n}"),
  },
  {
    name: "rules for ARP",
    module: "arp_tables",
    table: "table arp tocha-check {\nchain e {\n type filter hook input priority filter\n drop\n}\n}\n",
  },
];

function missingKernelFeatures(): Problem[] {
  const problems: Problem[] = [];
  // One question for all; only when it is refused, each alone.
  if (refusal(features.map((feature) => feature.table).join("")) !== undefined) {
    for (const { name, module, table } of features) {
      const why = refusal(table);
      if (why !== undefined)
        problems.push(missingFeature(`${name} (nft says: ${why})`, `modprobe ${module}`));
    }
  }
  // Loaded by the question above where it is a module.
  if (problems.length === 0 && !existsSync("/proc/sys/net/netfilter/nf_conntrack_events")) {
    problems.push(
      missingFeature("connection events (CONFIG_NF_CONNTRACK_EVENTS)", "modprobe nf_conntrack_netlink"),
    );
  }
  if (!existsSync("/proc/net/packet"))
    problems.push(missingFeature("packet sockets, for VRRP and ARP", "modprobe af_packet"));
  return problems;
}

function missingFeature(what: string, command: string): Problem {
  return {
    code: "missing-kernel-feature",
    message: `this kernel lacks ${what}`,
    hint: `Try "${command}"; a kernel without it needs another, such as that of Debian's package linux-image-amd64.`,
  };
}

/** @returns why the kernel refuses the tables; undefined when it would take them */
function refusal(input: string): string | undefined {
  const answer = spawnSync(findTool("nft") ?? "nft", ["-c", "-f", "-"], {
    input,
    encoding: "utf8",
    timeout: 10_000,
  });
  if (answer.status === 0) return undefined;
  const said =
    (answer.stderr ?? "").split("\n").find((line) => line.includes("Error")) ??
    answer.error?.message ??
    "no reason";
  return said.replace(/^.*Error: /, "").trim();
}

function missingDevices(devices: readonly string[]): Problem[] {
  return devices
    .filter((device) => !existsSync(`/proc/sys/net/ipv4/conf/${device}`))
    .map((device) => ({
      code: "missing-device",
      message: `this machine has no network device ${device}`,
      hint: 'Correct the device in the document: "ip -br link" shows those of this machine.',
    }));
}

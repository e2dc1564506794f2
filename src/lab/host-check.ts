import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Problem, ProblemError } from "../base/problem.ts";
import { processIdentity } from "./process-table.ts";
import { tryCommand } from "./run-command.ts";

// Each with what the lab needs it for, and the Debian package that brings it.
const tools = [
  { program: "ip", why: "builds the namespaces and links", package: "iproute2" },
  { program: "bridge", why: "switches ports off", package: "iproute2" },
  { program: "nft", why: "loads the gateways' rules", package: "nftables" },
];

// Each tried for real in a namespace that is thrown away, because a kernel says by failing what it lacks.
const features = [
  {
    feature: "veth links",
    why: "they are the lab's cables",
    module: "veth",
    command: ["ip", "link", "add", "name", "veth-a", "type", "veth", "peer", "name", "veth-b"],
  },
  {
    feature: "bridges",
    why: "they are the lab's switches",
    module: "bridge",
    command: ["ip", "link", "add", "name", "switch-a", "type", "bridge"],
  },
  {
    feature: "IPv6",
    why: "the lab's gateways serve both families",
    module: "ipv6",
    command: ["ip", "address", "add", "fd00::1/64", "dev", "lo"],
  },
  {
    feature: "nftables with NAT and connection events",
    why: "the gateways translate addresses, and replication lives on the events",
    module: "nft_chain_nat nft_ct nf_conntrack_netlink",
    command: ["nft", "-f", "-"],
    input: `table inet check {
      chain nat { type nat hook postrouting priority srcnat; policy accept; masquerade; }
      chain events { type filter hook prerouting priority filter; policy accept; ct event set new,destroy; }
    }`,
  },
] as const;

/**
 * Checks that this machine can hold a lab: root, tools, kernel.
 *
 * @throws ProblemError with the first thing that is missing, why it is needed, and the command that helps
 */
export async function checkHost(): Promise<void> {
  for (const problem of [rootProblem(), ...tools.map(toolProblem)]) {
    if (problem !== undefined) throw new ProblemError(problem);
  }
  // A kernel does not change while we run: asked once, also by labs that are built side by side.
  kernelAnswer ??= kernelProblem();
  const problem = await kernelAnswer;
  if (problem === undefined) return;
  kernelAnswer = undefined;
  throw new ProblemError(problem);
}

let kernelAnswer: Promise<Problem | undefined> | undefined;

function rootProblem(): Problem | undefined {
  if (process.geteuid?.() === 0) return undefined;
  return {
    code: "not-root",
    message: "the lab needs root: it makes network namespaces and loads firewall rules inside them",
    hint: "Run it with sudo. Nothing outside its own namespaces is changed.",
  };
}

function toolProblem(tool: (typeof tools)[number]): Problem | undefined {
  if (findProgram(tool.program)) return undefined;
  return {
    code: "missing-tool",
    message: `the program "${tool.program}" is missing: it ${tool.why}`,
    hint: `apt-get install ${tool.package}`,
  };
}

function findProgram(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function kernelProblem(): Promise<Problem | undefined> {
  await removeAbandonedChecks();
  const namespace = `${CHECK_PREFIX}${process.pid}`;
  const made = await tryCommand("ip", ["netns", "add", namespace]);
  if (made.status !== 0) {
    return {
      code: "missing-kernel-feature",
      message: `network namespaces cannot be made here (${made.stderr.trim()}): each machine of the lab is one`,
      hint: "In a container: start it with --privileged. On a machine: the kernel needs CONFIG_NET_NS.",
    };
  }
  try {
    for (const { feature, why, module, command, ...rest } of features) {
      const input = "input" in rest ? rest.input : "";
      const result = await tryCommand("ip", ["netns", "exec", namespace, ...command], { input });
      if (result.status === 0) continue;
      return {
        code: "missing-kernel-feature",
        message: `this kernel has no ${feature}: ${why} (${result.stderr.trim().split("\n")[0] ?? ""})`,
        hint: `modprobe -a ${module}`,
      };
    }
    return undefined;
  } finally {
    await tryCommand("ip", ["netns", "del", namespace]);
  }
}

const CHECK_PREFIX = "tocha-check-";

/** A check that was killed half-way leaves its namespace behind. */
async function removeAbandonedChecks(): Promise<void> {
  const folder = "/run/netns";
  const namespaces = existsSync(folder) ? readdirSync(folder) : [];
  for (const namespace of namespaces.filter((name) => name.startsWith(CHECK_PREFIX))) {
    if (processIdentity(Number(namespace.slice(CHECK_PREFIX.length))) !== undefined) continue;
    await tryCommand("ip", ["netns", "del", namespace]);
  }
}

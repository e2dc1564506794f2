import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../base/problem.ts";
import {
  allFeatureTables,
  kernelFeatures,
  kernelFiles,
  neededTools,
  programFolders,
  refusalReason,
} from "../contract/kernel-features.ts";

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

function missingTools(): Problem[] {
  return neededTools
    .filter(({ name }) => findTool(name) === undefined)
    .map(({ name, debianPackage, why }) => ({
      code: "missing-tool",
      message: `the program ${name} is not installed: ${why}`,
      hint: `Install it: apt-get install ${debianPackage}`,
    }));
}

function findTool(name: string): string | undefined {
  return programFolders(process.env["PATH"])
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missingKernelFeatures(): Problem[] {
  const problems: Problem[] = [];
  // One question for all; only when it is refused, each alone.
  if (refusal(allFeatureTables) !== undefined) {
    for (const { name, module, table } of kernelFeatures) {
      const why = refusal(table);
      if (why !== undefined)
        problems.push(missingFeature(`${name} (nft says: ${why})`, `modprobe ${module}`));
    }
  }
  const { conntrackEvents, packetSockets } = kernelFiles;
  // Loaded by the question above where it is a module.
  if (problems.length === 0 && !existsSync(conntrackEvents.path)) problems.push(missingFile(conntrackEvents));
  if (!existsSync(packetSockets.path)) problems.push(missingFile(packetSockets));
  return problems;
}

function missingFile({ name, module }: { readonly name: string; readonly module: string }): Problem {
  return missingFeature(name, `modprobe ${module}`);
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
  return answer.error?.message ?? refusalReason(answer.stderr ?? "");
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

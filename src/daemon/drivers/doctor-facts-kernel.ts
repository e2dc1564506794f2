import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import {
  allFeatureTables,
  kernelFeatures,
  kernelFiles,
  neededTools,
  refusalReason,
} from "../../contract/kernel-features.ts";
import { runLimited } from "./limited-program.ts";

/** Asks the kernel for every feature, as nft checks a rule: nothing is loaded. */
export async function kernelFacts(lackingKinds: readonly string[] | undefined): Promise<NodeFacts["kernel"]> {
  return {
    release: release(),
    lackingFeatures: await lackingFeatures(),
    lackingKinds: lackingKinds === undefined ? null : [...lackingKinds],
    hasConntrackEvents: existsSync(kernelFiles.conntrackEvents.path),
    hasPacketSockets: existsSync(kernelFiles.packetSockets.path),
    hasIpvs: hasModule("ip_vs"),
  };
}

async function lackingFeatures(): Promise<{ name: string; said: string }[]> {
  if ((await refusal(allFeatureTables)) === undefined) return [];
  const lacking: { name: string; said: string }[] = [];
  for (const { name, table } of kernelFeatures) {
    const said = await refusal(table);
    if (said !== undefined) lacking.push({ name, said });
  }
  return lacking;
}

async function refusal(input: string): Promise<string | undefined> {
  const { status, err } = await runLimited("nft", ["-c", "-f", "-"], { input });
  if (status === 0) return undefined;
  return status === null ? (err.split("\n")[0] ?? "no answer") : refusalReason(err);
}

export async function toolFacts(): Promise<NodeFacts["tools"]> {
  return await Promise.all(
    neededTools.map(async ({ name, version }) => {
      const { status, out } = await runLimited(name, [version]);
      return { name, version: status === 0 ? out.trim().slice(0, 100) : null };
    }),
  );
}

/** Loaded, built in, or there to be loaded. */
function hasModule(name: string): boolean {
  if (existsSync(`/sys/module/${name}`)) return true;
  const folder = `/lib/modules/${release()}`;
  return ["modules.builtin", "modules.dep"].some((file) => {
    try {
      return new RegExp(`/${name}\\.ko`).test(readFileSync(`${folder}/${file}`, "utf8"));
    } catch {
      return false; // Containers often have no modules of their kernel at hand.
    }
  });
}

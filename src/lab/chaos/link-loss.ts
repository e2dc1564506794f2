import { namespaceOf } from "../lab-plan.ts";
import { tryCommand } from "../run-command.ts";

/** Packets that vanish on some cables, by their switch sides such as `gw1-lan`. The network card notices nothing. */
export interface LinkLoss {
  readonly links: readonly string[];
  /** `from-node`: what the node sends; `to-node`: what it should get. */
  readonly direction: "from-node" | "to-node" | "both";
  /** 100: everything. */
  readonly percent: number;
}

// Of the bridge family: it sees each copy of a frame that the switch forwards, multicast included.
const TABLE = "tocha_lab_loss";

function rules({ links, direction, percent }: LinkLoss): string {
  const ports = links.map((link) => `"${link}"`).join(", ");
  const chance = percent >= 100 ? "" : `numgen random mod 100 < ${percent} `;
  const sides =
    direction === "both" ? ["iifname", "oifname"] : [direction === "from-node" ? "iifname" : "oifname"];
  const lines = sides.map((side) => `    ${side} { ${ports} } ${chance}drop\n`).join("");
  return `table bridge ${TABLE} {\n  chain forward {\n    type filter hook forward priority 0;\n${lines}  }\n}\n`;
}

/** Makes cables lose packets, all at once, instead of what was lost before. @returns why this kernel cannot, if it cannot */
export async function loseOnLinks(lab: string, loss: LinkLoss): Promise<string | undefined> {
  const input = `table bridge ${TABLE} {}\ndelete table bridge ${TABLE}\n${rules(loss)}`;
  const { status, stderr } = await nft(lab, input);
  return status === 0 ? undefined : stderr.trim();
}

/** All cables of the lab let everything through again that is not cut. */
export async function loseNothing(lab: string): Promise<void> {
  await nft(lab, `table bridge ${TABLE} {}\ndelete table bridge ${TABLE}\n`);
}

async function nft(lab: string, input: string): Promise<{ status: number; stderr: string }> {
  return await tryCommand("ip", ["netns", "exec", namespaceOf(lab, "net"), "nft", "-f", "-"], { input });
}

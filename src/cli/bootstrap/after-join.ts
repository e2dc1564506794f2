import { existsSync } from "node:fs";
import { defaultDocumentPath } from "../document-file.ts";

/**
 * How the document with the new node in it comes to the nodes that run already. The one that joined has it; here it is on
 * the disk, and a daemon that runs has the one of before.
 */
export function afterJoin(config: string, node: string, joined: string): string {
  const isDefault = config === defaultDocumentPath;
  const option = isDefault ? "" : ` --config ${config}`;
  if (!existsSync(`/run/tocha/${node}/control.sock`)) return `Next, on both machines: tocha run${option}\n`;
  return `Next, here:        tocha config apply${isDefault ? "" : ` ${config}`} -m "${joined} joins"\n      on ${joined}: tocha run\n`;
}

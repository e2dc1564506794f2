import { existsSync } from "node:fs";
import { defaultDocumentPath } from "../document-file.ts";

/**
 * How the document with the new node in it comes to the nodes that run already. The one that joined has it; here it is on
 * the disk, and a daemon that runs has the one of before.
 */
export function afterJoin(config: string, node: string): string {
  const option = config === defaultDocumentPath ? "" : ` --config ${config}`;
  return existsSync(`/run/tocha/${node}/control.sock`)
    ? `${node} runs with the document of before. To let it know the new node: systemctl restart tocha@${node}\n`
    : `Next, on both machines: tocha run${option}\n`;
}

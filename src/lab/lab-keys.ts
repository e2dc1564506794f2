import { mkdirSync } from "node:fs";

export async function writeLabKeys(directory: string, nodes: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  void nodes;
}

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

export function showVersion({ output }: { output: string }): ExitStatus {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
  );
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest
      ? String(manifest.version)
      : "?";
  const facts = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
  };
  process.stdout.write(
    output === "json"
      ? `${JSON.stringify(facts)}\n`
      : `tocha ${facts.version} (Node.js ${facts.node}, ${facts.platform}, kernel ${facts.kernel})\n`,
  );
  return exitStatus.ok;
}

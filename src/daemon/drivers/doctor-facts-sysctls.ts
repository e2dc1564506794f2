import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { gatewaySysctls, sysctlPath } from "../../core/gateway-sysctls.ts";
import type { NodeSettings } from "../node-settings.ts";

/** Where sysctl.d(5) looks. */
const folders = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/** Every setting that the node makes, as it is now, and which files make it otherwise. */
export function sysctlFacts({ document, node }: NodeSettings): NodeFacts["sysctls"] {
  const lines = configuredLines();
  return gatewaySysctls(document, node).map(({ name, value, why }) => {
    const found = readSetting(sysctlPath(name));
    const differs = found !== null && found !== String(value);
    return {
      ...{ name, wanted: value, found, why },
      setBy: differs
        ? lines
            .filter((line) => sysctlPath(line.name) === sysctlPath(name) && line.value === found)
            .map(({ file }) => file)
        : [],
    };
  });
}

export function automaticHelpers(): boolean | null {
  const found = readSetting(sysctlPath("net.netfilter.nf_conntrack_helper"));
  return found === null ? null : found === "1";
}

export function readSetting(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

interface ConfiguredLine {
  readonly file: string;
  readonly name: string;
  readonly value: string;
}

function configuredLines(): ConfiguredLine[] {
  const files = folders.flatMap((folder) => filesOf(folder).map((name) => join(folder, name)));
  return ["/etc/sysctl.conf", ...files].flatMap((file) => {
    const text = readSetting(file) ?? "";
    return text.split("\n").flatMap((line) => {
      const [, name, value] = /^\s*-?([a-z][^=\s]*)\s*=\s*(\S.*?)\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [{ file, name, value }];
    });
  });
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".conf"))
      .sort();
  } catch {
    return [];
  }
}

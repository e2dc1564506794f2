import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const unitFile = fileURLToPath(new URL("../../packaging/systemd/tocha@.service", import.meta.url));

/** The value of a setting in the unit. */
function setting(name: string): string {
  const value = new RegExp(`^${name}=(.*)$`, "m").exec(readFileSync(unitFile, "utf8"))?.[1];
  if (value === undefined) throw new Error(`the unit has no ${name}`);
  return value;
}

/** The unit's LimitMEMLOCK, in bytes. */
export function memoryLockLimit(): number {
  const text = setting("LimitMEMLOCK");
  const mebibytes = /^(\d+)M$/.exec(text)?.[1];
  if (mebibytes === undefined) throw new Error(`${text} is not in mebibytes`);
  return Number(mebibytes) << 20;
}

const limited = () => ["prlimit", `--memlock=${memoryLockLimit()}`];

/** Where the unit's limit is above the present one, setting it needs CAP_SYS_RESOURCE, which not every container has. */
export function isMemoryLockSettable(): boolean {
  const [program = "", ...args] = [...limited(), "true"];
  return spawnSync(program, args).status === 0;
}

/**
 * Words before a command, so that it runs as systemd starts the unit: with its limit of locked memory (if that can be set), its mask for
 * new files, its capabilities at most, and without new ones.
 */
export function asInUnit(): string[] {
  const kept = setting("CapabilityBoundingSet")
    .split(" ")
    .map((name) => `+${name.replace("CAP_", "").toLowerCase()}`);
  const bounding = ["-all", ...kept].join(",");
  return [
    ...(isMemoryLockSettable() ? limited() : []),
    ...["sh", "-c", `umask ${setting("UMask")}; exec "$@"`, "sh"],
    ...["setpriv", `--bounding-set=${bounding}`, "--inh-caps=-all", "--no-new-privs"],
  ];
}

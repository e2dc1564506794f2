import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Maintenance, maintenanceSchema } from "../../contract/status.ts";

/** Says that this node is set aside, over restarts of the daemon and of the machine: a file in the state folder. */
export class MaintenanceFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, "maintenance.json");
  }

  /** What it says; undefined when there is none. One that cannot be understood still keeps the node aside. */
  read(): Maintenance | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      return unreadable(this.#path);
    }
    try {
      return maintenanceSchema.parse(JSON.parse(text));
    } catch {
      return unreadable(this.#path);
    }
  }

  /** On the disk when this returns: power may fail in the middle of the maintenance. */
  write(maintenance: Maintenance): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const fd = openSync(`${this.#path}.new`, "w", 0o600);
    try {
      writeSync(fd, `${JSON.stringify(maintenance)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${this.#path}.new`, this.#path);
    this.#syncFolder();
  }

  remove(): void {
    rmSync(this.#path, { force: true });
    this.#syncFolder();
  }

  #syncFolder(): void {
    const fd = openSync(dirname(this.#path), "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function unreadable(path: string): Maintenance {
  return { by: "unknown", reason: `${path} cannot be read`, since: new Date(0).toISOString() };
}

import { readFileSync } from "node:fs";
import { nodeLog } from "../../../src/lab/lab-folder.ts";
import { type KeepalivedLog, readKeepalivedLog } from "./role-changes.ts";
import type { OwnWords, Witness } from "./steady-run.ts";

/** Both instances move together (keepalived.ts): one of them tells all. */
const INSTANCE = "lan";

/** What keepalived says: its log. It has no other processes that could be asked, and does not measure its lateness. */
export class KeepalivedWitness implements Witness {
  readonly sockets = [];
  readonly #lab: string;
  readonly #nodes: readonly string[];
  #before: readonly KeepalivedLog[] = [];

  constructor(lab: string, nodes: readonly string[]) {
    this.#lab = lab;
    this.#nodes = nodes;
  }

  async begin(): Promise<void> {
    this.#before = this.#read();
  }

  async look(): Promise<string> {
    return "";
  }

  async end(): Promise<OwnWords> {
    const of = (logs: readonly KeepalivedLog[], key: keyof KeepalivedLog) =>
      logs.reduce((sum, log) => sum + log[key], 0);
    const after = this.#read();
    const times = (key: keyof KeepalivedLog) => of(after, key) - of(this.#before, key);
    const takeovers = times("becameMaster");
    return {
      takeovers,
      roleChanges: takeovers + times("becameBackup"),
      conflicts: times("conflicts"),
      events: {},
      lateMs: null,
    };
  }

  #read(): KeepalivedLog[] {
    return this.#nodes.map((node) =>
      readKeepalivedLog(readFileSync(nodeLog(this.#lab, node), "utf8"), INSTANCE),
    );
  }
}

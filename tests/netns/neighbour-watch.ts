import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { waitFor } from "./namespace-waiting.ts";

/** An entry that comes and goes until the monitor tells of it; no host of a lab has this address. */
const TRIAL = "10.1.0.254";

/** Every change of the neighbours that a host knows: its kernel reports each of them, so nothing is too short to be seen. */
export class NeighbourWatch {
  readonly #monitor: ChildProcess;
  readonly #device: string;
  #said = "";

  private constructor(namespace: string, device: string) {
    this.#device = device;
    this.#monitor = spawn("ip", ["-n", namespace, "-o", "monitor", "neigh"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [outsiderMark]: "1" },
    });
    this.#monitor.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
  }

  static async watch(namespace: string, device = "eth0"): Promise<NeighbourWatch> {
    const watch = new NeighbourWatch(namespace, device);
    const entry = [TRIAL, "dev", device];
    try {
      await waitFor(`ip monitor to listen in ${namespace}`, async () => {
        await runCommand("ip", [
          ...["-n", namespace, "neigh", "replace", ...entry],
          ...["lladdr", "02:00:00:00:fe:fe", "nud", "permanent"],
        ]);
        await runCommand("ip", ["-n", namespace, "neigh", "del", ...entry]);
        return watch.#said !== "";
      });
    } catch (error) {
      await watch.close();
      throw error;
    }
    return watch;
  }

  /** All of it, for people. */
  get said(): string {
    return this.#said;
  }

  /** The hardware addresses that the host has known an address by, each once. */
  macsOf(address: string): string[] {
    const literal = address.replaceAll(".", "\\.");
    const told = this.#said.matchAll(new RegExp(`^${literal} dev ${this.#device} lladdr (\\S+)`, "gm"));
    return [...new Set([...told].map(([, mac = ""]) => mac))];
  }

  async close(): Promise<void> {
    if (this.#monitor.exitCode !== null || this.#monitor.signalCode !== null) return;
    const ended = once(this.#monitor, "exit");
    this.#monitor.kill("SIGKILL");
    await ended;
  }
}

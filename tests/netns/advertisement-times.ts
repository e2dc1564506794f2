import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { bareAddress, nodeAddresses } from "../../src/lab/lab-plan.ts";
import { outsiderMark } from "../../src/lab/process-table.ts";
import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

/** When which node sent VRRP advertisements (IPv4) into the LAN: the kernel's time, at a host that hears them. Needs tcpdump. */
export class AdvertisementTimes {
  readonly #lab: TestLab;
  readonly #dump: ChildProcess;
  readonly #sent: { readonly source: string; readonly atMs: number }[] = [];

  private constructor(lab: TestLab) {
    this.#lab = lab;
    const tcpdump = ["tcpdump", "--immediate-mode", "-l", "-n", "-tt", "-i", "eth0", "ip proto 112"];
    const dump = spawn("ip", ["netns", "exec", lab.namespace("lan"), ...tcpdump], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, [outsiderMark]: "1" },
    });
    this.#dump = dump;
    createInterface({ input: dump.stdout }).on("line", (line) => {
      const [, seconds, source] = /^([0-9.]+) IP (\S+) > /.exec(line) ?? [];
      if (source !== undefined) this.#sent.push({ source, atMs: Number(seconds) * 1_000 });
    });
  }

  /** @returns once there was one, of whichever node */
  static async watch(lab: TestLab): Promise<AdvertisementTimes> {
    const times = new AdvertisementTimes(lab);
    await waitFor("an advertisement in the LAN", () => times.#sent.length > 0);
    return times;
  }

  /** Waits for the first one of a node since then, on the clock of `NamespaceAddresses.now()`. @returns how long after that it was sent */
  async firstAfterMs(node: string, fromMs: number): Promise<number> {
    const addresses = nodeAddresses(node, "lan", this.#lab.settings).map(bareAddress);
    const first = await waitFor(
      `an advertisement of ${node}`,
      () => this.#sent.find(({ source, atMs }) => addresses.includes(source) && atMs >= fromMs),
      { explain: () => this.#lab.log(node).slice(-3_000) },
    );
    return first.atMs - fromMs;
  }

  async close(): Promise<void> {
    if (this.#dump.exitCode !== null || this.#dump.signalCode !== null) return;
    const ended = once(this.#dump, "exit");
    this.#dump.kill("SIGKILL");
    await ended;
  }
}

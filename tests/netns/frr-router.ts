import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processesIn, sendSignal } from "../../src/lab/process-table.ts";
import { ipBatch, runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { waitFor } from "./namespace-waiting.ts";

export interface FrrOptions {
  readonly namespace: string;
  /** For its configuration, its sockets and its logs; every user must be able to pass it. */
  readonly folder: string;
  readonly device: string;
  readonly virtualRouterId: number;
  readonly priority: number;
  readonly addresses4: readonly string[];
  /** None with version 2, which is for IPv4 only. */
  readonly addresses6: readonly string[];
  readonly version?: 2 | 3;
  /** Version 2 needs whole seconds. */
  readonly intervalMs?: number;
  readonly preempt?: boolean;
}

const daemons = "/usr/lib/frr";
let started = 0;

/**
 * FRR's vrrpd (8.4.4 in Debian 12) as the other router, with the zebra that it needs; nothing of the machine's own FRR is
 * touched. Its virtual addresses stand on macvlan devices made beforehand, which it holds down while it is backup.
 */
export class FrrRouter {
  readonly #options: FrrOptions;
  readonly #base: string;

  private constructor(options: FrrOptions, base: string) {
    this.#options = options;
    this.#base = base;
  }

  static async start(options: FrrOptions): Promise<FrrRouter> {
    mkdirSync(options.folder, { recursive: true });
    const router = new FrrRouter(options, join(options.folder, `frr-${++started}`));
    await router.#makeDevices();
    mkdirSync(router.#base);
    // The daemons give up root for the user of their package.
    await runCommand("chown", ["frr:frr", router.#base]);
    router.#run("zebra");
    await waitFor("zebra to listen", () => router.#answers("zebra"), { explain: () => router.log });
    router.#run("vrrpd");
    await waitFor("vrrpd to listen", () => router.#answers("vrrpd"), { explain: () => router.log });
    return router;
  }

  get log(): string {
    return ["zebra", "vrrpd"].map((name) => read(`${this.#base}/${name}.log`)).join("\n");
  }

  /** Lines of vrrpd in which it finds fault with a packet. */
  get complaints(): string[] {
    const fault = /bad|invalid|should be|mismatch|discard|ignor|differ|malformed|not match/i;
    // Said when its version is set, before it has begun.
    const own = /Received 'Shutdown' event in 'Initialize' state/;
    return read(`${this.#base}/vrrpd.log`)
      .split("\n")
      .filter((line) => fault.test(line) && !own.test(line));
  }

  /** Each family that has addresses is in this state. */
  async waitForState(state: "Master" | "Backup"): Promise<void> {
    await waitFor(
      `FRR to be ${state}`,
      async () => {
        const states = await this.states();
        return states.length === this.#devices().length && states.every((one) => one === state);
      },
      { explain: async () => `${await this.#show()}\n${this.log}` },
    );
  }

  /** Of IPv4 and IPv6, those that have addresses. */
  async states(): Promise<string[]> {
    const states = [...(await this.#show()).matchAll(/Status \(v[46]\) +(\w+)/g)].map(
      ([, state = ""]) => state,
    );
    return states.slice(0, this.#devices().length);
  }

  /** Withdraws in order: with priority 0. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** All of its processes at once. Its devices stay as they are. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** What an administrator does with the devices of a router that is dead. */
  async removeDevices(): Promise<void> {
    for (const [, device] of this.#devices())
      await runCommand("ip", ["-n", this.#options.namespace, "link", "del", "dev", device]);
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    // vrrpd before zebra, which would hold its devices down in the kernel only while it lives.
    for (const name of signal === "SIGTERM" ? ["vrrpd", "zebra"] : ["vrrpd|zebra"]) {
      for (const pid of this.#processes(name)) sendSignal(pid, signal);
      await waitFor(`${name} to end`, () => this.#processes(name).length === 0, { explain: () => this.log });
    }
  }

  /** The devices of the two families, with the hardware address of the virtual router (RFC 9568 7.3). */
  #devices(): readonly (readonly [string, string, readonly string[]])[] {
    const { virtualRouterId, addresses4, addresses6 } = this.#options;
    const id = virtualRouterId.toString(16).padStart(2, "0");
    const v4 = [`00:00:5e:00:01:${id}`, "frr4", addresses4] as const;
    const v6 = [`00:00:5e:00:02:${id}`, "frr6", addresses6] as const;
    return addresses6.length === 0 ? [v4] : [v4, v6];
  }

  async #makeDevices(): Promise<void> {
    const { namespace, device } = this.#options;
    // As FRR's manual asks: the device below answers for its own addresses only.
    await setSysctls(namespace, { [`net.ipv4.conf.${device}.arp_ignore`]: 1 });
    const present = await runCommand("ip", ["-n", namespace, "-o", "link", "show"]);
    for (const [mac, name, addresses] of this.#devices()) {
      if (present.includes(` ${name}@`)) continue;
      await ipBatch(namespace, [
        `link add link ${device} name ${name} address ${mac} type macvlan mode bridge`,
        ...addresses.map(
          (address) => `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`,
        ),
        `link set dev ${name} up`,
      ]);
    }
  }

  #run(name: "zebra" | "vrrpd"): void {
    const { namespace } = this.#options;
    const file = (suffix: string) => `${this.#base}/${name}.${suffix}`;
    writeFileSync(file("conf"), name === "vrrpd" ? this.#configuration() : "");
    const log = openSync(file("log"), "a");
    const child = spawn(
      "ip",
      [
        ...["netns", "exec", namespace, join(daemons, name), "-f", file("conf"), "-i", file("pid")],
        ...["-z", join(this.#base, "zserv.api"), "--vty_socket", this.#base, "-P", "0"],
        ...["--log", "stdout", "--log-level", "debugging"],
      ],
      { stdio: ["ignore", log, log], detached: true },
    );
    closeSync(log);
    child.unref();
  }

  #configuration(): string {
    const { device, virtualRouterId: id, priority, addresses4, addresses6 } = this.#options;
    const { version = 3, intervalMs = 100, preempt = true } = this.#options;
    const bare = (address: string) => address.split("/")[0] ?? "";
    return `debug vrrp protocol
debug vrrp packets
interface ${device}
 vrrp ${id} version ${version}
 vrrp ${id} priority ${priority}
 vrrp ${id} advertisement-interval ${intervalMs}
 ${preempt ? "" : "no "}vrrp ${id} preempt
${addresses4.map((address) => ` vrrp ${id} ip ${bare(address)}`).join("\n")}
${addresses6.map((address) => ` vrrp ${id} ipv6 ${bare(address)}`).join("\n")}
`;
  }

  async #answers(name: string): Promise<boolean> {
    return (await this.#ask(name, "show version")).includes("FRRouting");
  }

  async #show(): Promise<string> {
    return await this.#ask("vrrpd", "show vrrp");
  }

  async #ask(name: string, question: string): Promise<string> {
    try {
      return await runCommand("vtysh", ["--vty_socket", this.#base, "-d", name, "-c", question]);
    } catch (error) {
      return String(error);
    }
  }

  #processes(name: string): number[] {
    return processesIn(this.#options.namespace).filter((pid) => {
      return new RegExp(`^(${name})$`).test(read(`/proc/${pid}/comm`).trim());
    });
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type AddressEvent, holders, longestDuplicateMs } from "../../src/lab/address-timeline.ts";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { waitFor } from "./namespace-waiting.ts";

/** One that waits for a processor stamps late. Before everybody but the gateways: they make the changes. */
const MONITOR_PRIORITY = 20;

/**
 * Every coming and going of some addresses in some namespaces. The kernel reports each of them, so nothing is too
 * short to be seen; the time stamps are taken next to the kernel, by `ip -ts monitor`, and comparable between namespaces.
 */
export class NamespaceAddresses {
  readonly #addresses: readonly string[];
  readonly #monitors: ChildProcess[] = [];
  readonly #events: AddressEvent[] = [];

  private constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** @param addresses with prefix lengths, as `ip` writes them */
  static async watch(
    namespaces: readonly string[],
    addresses: readonly string[],
  ): Promise<NamespaceAddresses> {
    const watch = new NamespaceAddresses(addresses);
    await Promise.all(namespaces.map((namespace) => watch.#attach(namespace)));
    return watch;
  }

  get events(): readonly AddressEvent[] {
    return this.#events;
  }

  /** Milliseconds on the clock of the events. */
  static now(): number {
    return performance.timeOrigin + performance.now();
  }

  /** Waits until all of the addresses stand in this namespace; they may stand in others, too. */
  async waitForHolder(namespace: string, explain?: () => string | Promise<string>): Promise<void> {
    await this.#waitForNodes(`${namespace} to hold`, (nodes) => nodes.has(namespace), explain);
  }

  /** Waits until all of the addresses stand in this namespace, and none of them in another one. */
  async waitForSoleHolder(namespace: string, explain?: () => string | Promise<string>): Promise<void> {
    await this.#waitForNodes(
      `${namespace} alone to hold`,
      (nodes) => nodes.size === 1 && nodes.has(namespace),
      explain,
    );
  }

  async #waitForNodes(
    what: string,
    isMeant: (nodes: ReadonlySet<string>) => boolean,
    explain: (() => string | Promise<string>) | undefined,
  ): Promise<void> {
    await waitFor(
      `${what} ${this.#addresses.join(", ")}`,
      () => {
        const held = holders(this.#events);
        return this.#addresses.every((address) => isMeant(held.get(address) ?? new Set()));
      },
      { explain: async () => `${JSON.stringify(this.#events.slice(-12))}\n${(await explain?.()) ?? ""}` },
    );
  }

  /** The longest time since `fromMs` that an address stood in more than one namespace. */
  longestDuplicateMs(fromMs: number): number {
    return longestDuplicateMs(this.#events, { fromMs, toMs: NamespaceAddresses.now() });
  }

  /** Changes since then, for people. */
  since(fromMs: number): string[] {
    return this.#events
      .filter(({ atMs }) => atMs >= fromMs)
      .map(({ atMs, node, address, present }) => {
        return `${Math.round(atMs - fromMs)} ms: ${address} ${present ? "comes to" : "leaves"} ${node}`;
      });
  }

  async close(): Promise<void> {
    for (const monitor of this.#monitors) {
      const ended = once(monitor, "exit");
      monitor.kill("SIGKILL");
      if (monitor.exitCode === null && monitor.signalCode === null) await ended;
    }
  }

  async #attach(namespace: string): Promise<void> {
    const monitored = ["ip", "-n", namespace, "-ts", "-o", "monitor", "address"];
    const monitor = spawn("chrt", ["--fifo", String(MONITOR_PRIORITY), ...monitored], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [outsiderMark]: "1", TZ: "UTC" },
    });
    this.#monitors.push(monitor);
    let listening = false;
    createInterface({ input: monitor.stdout }).on("line", (line) => {
      listening = true;
      this.#note(namespace, line);
    });
    // An address that comes and goes shows when the monitor listens; one that it has missed is listed below.
    await waitFor(`ip monitor to listen in ${namespace}`, async () => {
      await runCommand("ip", ["-n", namespace, "address", "replace", "127.7.7.7/32", "dev", "lo"]);
      await runCommand("ip", ["-n", namespace, "address", "del", "127.7.7.7/32", "dev", "lo"]);
      return listening;
    });
    const listing = await runCommand("ip", ["-n", namespace, "-o", "address", "show"]);
    for (const line of listing.split("\n")) this.#note(namespace, line);
  }

  /** `[2026-01-31T12:00:00.123456] Deleted 2: lan    inet 10.1.0.1/24 scope …`; a listing has no time stamp. */
  #note(namespace: string, line: string): void {
    const match = /^(?:\[([^\]]+)\] )?(Deleted )?[0-9]+: +\S+ +inet6? (\S+)/.exec(line);
    const address = match?.[3];
    if (match === null || address === undefined || !this.#addresses.includes(address)) return;
    const present = match[2] === undefined;
    const isPresent = holders(this.#events).get(address)?.has(namespace) === true;
    // The kernel also reports addresses whose lifetime is renewed.
    if (isPresent === present) return;
    const atMs = match[1] === undefined ? NamespaceAddresses.now() : Date.parse(`${match[1]}Z`);
    this.#events.push({ atMs, node: namespace, address, present });
  }
}

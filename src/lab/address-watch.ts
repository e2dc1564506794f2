import { type ChildProcess, spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type AddressEvent, heldAllSince, holderOfAll, holders } from "./address-timeline.ts";
import { type LabSettings, namespaceOf, nodeNames, virtualAddresses } from "./lab-plan.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { outsiderMark } from "./process-table.ts";
import { tryCommand } from "./run-command.ts";

// Until `ip monitor` listens; what it misses before, the listing that follows shows.
const SETTLE_MS = 50;
const ATTACH_AGAIN_MS = 300;
const POLL_MS = 2;
/** Kept for the measurements; a lab that runs for days forgets its first moves. */
const EVENTS_MAX = 10_000;

/** Follows the virtual addresses of a lab in the kernels of all its nodes, as they come and go. */
export class AddressWatch {
  readonly #lab: string;
  readonly #addresses: readonly string[];
  readonly #monitors = new Map<string, ChildProcess>();
  readonly #nodes: readonly string[];
  #events: AddressEvent[] = [];
  #closed = false;

  private constructor(settings: LabSettings) {
    this.#lab = settings.name;
    this.#addresses = virtualAddresses(settings);
    this.#nodes = nodeNames(settings);
  }

  static async start(settings: LabSettings): Promise<AddressWatch> {
    const watch = new AddressWatch(settings);
    await Promise.all(watch.#nodes.map((node) => watch.attach(node)));
    return watch;
  }

  /** Everything that was seen, in order. */
  get events(): readonly AddressEvent[] {
    return this.#events;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** The node that holds all virtual addresses now. */
  get holder(): string | undefined {
    return holderOfAll(this.#events, this.#addresses);
  }

  /** How many virtual addresses a node holds now. */
  heldBy(node: string): number {
    return [...holders(this.#events).values()].filter((nodes) => nodes.has(node)).length;
  }

  /** Waits until a node other than `before` holds all addresses. @returns which, and when; undefined at the limit */
  async waitForMove(
    before: string,
    { fromMs, limitMs, signal }: { fromMs: number; limitMs: number; signal?: AbortSignal | undefined },
  ): Promise<{ node: string; atMs: number } | undefined> {
    const endMs = monotonicMs() + limitMs;
    while (monotonicMs() < endMs) {
      for (const node of this.#nodes.filter((name) => name !== before)) {
        const atMs = heldAllSince(this.#events, { node, addresses: this.#addresses, fromMs });
        if (atMs !== undefined) return { node, atMs };
      }
      await sleep(POLL_MS, undefined, { signal });
    }
    return undefined;
  }

  /** A node without power holds nothing that anybody could reach. */
  powerFailed(node: string, atMs: number): void {
    const monitor = this.#monitors.get(node);
    // Forgotten first: a monitor that ends by itself would be started again.
    this.#monitors.delete(node);
    monitor?.kill("SIGKILL");
    this.#clear(node, atMs);
    // It happened before what was noted since.
    this.#events.sort((a, b) => a.atMs - b.atMs);
  }

  /** Begins, or begins again after a boot, to follow a node. */
  async attach(node: string): Promise<void> {
    this.#monitors.get(node)?.kill("SIGKILL");
    this.#clear(node, monotonicMs());
    const namespace = namespaceOf(this.#lab, node);
    const child = spawn("ip", ["-n", namespace, "-o", "monitor", "address"], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, [outsiderMark]: "1" },
      detached: true,
    });
    this.#monitors.set(node, child);
    // What it sees is measured: it must not wait behind the load.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_HIGH);
    createInterface({ input: child.stdout }).on("line", (line) => this.#note(node, line));
    child.on("error", () => undefined);
    child.on("exit", () => {
      // The namespace is new, as after a boot that somebody else commanded, or about to come.
      if (this.#closed || this.#monitors.get(node) !== child) return;
      setTimeout(() => void this.attach(node), ATTACH_AGAIN_MS).unref();
    });
    await sleep(SETTLE_MS);
    const listing = await tryCommand("ip", ["-n", namespace, "-o", "address", "show"]);
    for (const line of listing.stdout.split("\n")) this.#note(node, line);
  }

  close(): void {
    this.#closed = true;
    for (const monitor of this.#monitors.values()) monitor.kill("SIGKILL");
  }

  /** `2: lan    inet 10.1.0.1/24 scope global lan …`, or the same behind `Deleted `. */
  #note(node: string, line: string): void {
    const match = /^(Deleted )?[0-9]+: +\S+ +inet6? (\S+)/.exec(line);
    const address = match?.[2];
    if (address === undefined || !this.#addresses.includes(address)) return;
    this.#push(node, address, match?.[1] === undefined, monotonicMs());
  }

  #clear(node: string, atMs: number): void {
    for (const address of this.#addresses) this.#push(node, address, false, atMs);
  }

  /** Only changes: the kernel also reports addresses whose lifetime or flags are renewed. */
  #push(node: string, address: string, present: boolean, atMs: number): void {
    const isPresent = holders(this.#events).get(address)?.has(node) === true;
    if (isPresent === present) return;
    if (this.#events.length >= EVENTS_MAX) this.#events = this.#events.slice(EVENTS_MAX / 2);
    this.#events.push({ atMs, node, address, present });
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { HistoryEntry } from "../../src/contract/failover-history.ts";
import type { ClusterStatus, NodeStatus, ReplicationStreamStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { labDown, labUp } from "../../src/lab/lab.ts";
import { controlSocket, nodeLog } from "../../src/lab/lab-folder.ts";
import { type LabSettings, namespaceOf, nodeNames, virtualAddresses } from "../../src/lab/lab-plan.ts";
import { type CommandResult, runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { waitFor } from "./namespace-waiting.ts";

const WELL_LIMIT_MS = 60_000;
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

/** A lab of a test, with what tests ask of its nodes. */
export class TestLab {
  readonly settings: LabSettings;

  private constructor(settings: LabSettings) {
    this.settings = settings;
  }

  /** The name carries the number of this process, so that tests may run beside each other. */
  static async up(
    prefix: string,
    settings: Partial<LabSettings> = {},
    options: { readonly daemons?: boolean } = {},
  ): Promise<TestLab> {
    const name = `${prefix}${process.pid}`;
    const record = await labUp({ ...settings, name }, { owned: true, ...options });
    return new TestLab(record.settings);
  }

  get name(): string {
    return this.settings.name;
  }

  namespace(part: string): string {
    return namespaceOf(this.name, part);
  }

  async down(): Promise<void> {
    await labDown(this.name);
  }

  /** Waits until every node is there, one is active and all others hold every connection. */
  async waitUntilWell(): Promise<ClusterStatus> {
    return await waitForCluster(this.settings, isReady, {
      limitMs: WELL_LIMIT_MS,
      until: "one node is active and the others are complete",
    });
  }

  /** The same for daemons that the test has started itself. @returns what the first node says then */
  async waitUntilDaemonsAreWell(): Promise<ClusterStatus & { activeNode: string }> {
    const [first = ""] = nodeNames(this.settings);
    let last: ClusterStatus | undefined;
    return await waitFor(
      "all nodes to be well",
      async () => {
        last = await this.seenBy(first);
        if (last === undefined || last.activeNode === null || !isReady(last)) return undefined;
        return { ...last, activeNode: last.activeNode };
      },
      { limitMs: WELL_LIMIT_MS, explain: () => JSON.stringify(last) },
    );
  }

  /** The node that is active and the first of the others, once all is well. */
  async rolesWhenWell(): Promise<{ active: string; standby: string }> {
    const { activeNode } = await this.waitUntilWell();
    const standby = nodeNames(this.settings).find((node) => node !== activeNode);
    if (activeNode === null || standby === undefined)
      throw new Error("a lab that is well has an active node");
    return { active: activeNode, standby };
  }

  /** Waits until all is well, with this node active: whichever started first, it is handed the role. */
  async waitUntilWellOn(node: string): Promise<void> {
    const { activeNode } = await this.waitUntilWell();
    if (activeNode === node || activeNode === null) return;
    await new ControlClient(controlSocket(this.name, node)).switchover();
    await this.waitUntilWell();
  }

  /** The cluster as one node sees it; undefined while it does not answer. */
  async seenBy(node: string): Promise<ClusterStatus | undefined> {
    try {
      return await new ControlClient(controlSocket(this.name, node)).status();
    } catch {
      return undefined;
    }
  }

  /** Waits until a node sees the cluster as wished. It asks the others anew each time. */
  async waitUntilSeen(
    node: string,
    what: string,
    isWished: (status: ClusterStatus) => boolean,
  ): Promise<ClusterStatus> {
    let last: ClusterStatus | undefined;
    return await waitFor(
      `${node} to see ${what}`,
      async () => {
        last = await this.seenBy(node);
        return last !== undefined && isWished(last) ? last : undefined;
      },
      { explain: () => `${JSON.stringify(last)}\n${this.log(node)}` },
    );
  }

  /** The cluster as a node sees it, once no answer is missing in that: who is busy may answer too late to be in it. */
  async wholeViewOf(node: string): Promise<ClusterStatus> {
    return await this.waitUntilSeen(node, "what every node says", ({ nodes }) => nodes.every(saysAll));
  }

  /** What `tocha status` prints on a node, once it shows all of this: it has only the answers that came in time. */
  async waitForStatusText(node: string, shown: readonly RegExp[]): Promise<CommandResult> {
    let last: CommandResult | undefined;
    return await waitFor(
      `tocha status on ${node} to show ${shown.join(" and ")}`,
      async () => {
        const printed = await tryCommand(launcher, ["status", "--socket", controlSocket(this.name, node)]);
        last = printed;
        return shown.every((one) => one.test(printed.stdout)) ? printed : undefined;
      },
      { explain: () => `${last?.stdout}${last?.stderr}` },
    );
  }

  /**
   * What all nodes remember of their changes of role, as one of them tells it; `query` may have a node and a group.
   * Where another one does not tell in time what it remembers, it is asked for again.
   */
  async history(asked: string, query: Readonly<Record<string, string>> = {}): Promise<HistoryEntry[]> {
    const client = new ControlClient(controlSocket(this.name, asked));
    let missing: readonly string[] = [];
    return await waitFor(
      `${asked} to tell what all nodes remember`,
      async () => {
        const answer = await client.history(new URLSearchParams({ limit: "500", ...query }));
        missing = answer.unreachable;
        return missing.length === 0 ? answer.entries : undefined;
      },
      { explain: () => `${missing.join(" and ")} did not answer\n${this.log(asked)}` },
    );
  }

  /** What a node says of itself; undefined while it does not answer. */
  async tryStatus(node: string): Promise<NodeStatus | undefined> {
    return (await this.seenBy(node))?.nodes.find(({ name }) => name === node);
  }

  async status(node: string): Promise<NodeStatus> {
    return await waitFor(`${node} to answer`, () => this.tryStatus(node), { explain: () => this.log(node) });
  }

  /** Waits until a node says that it is as wished. */
  async waitForNode(
    node: string,
    what: string,
    isWished: (status: NodeStatus) => boolean,
  ): Promise<NodeStatus> {
    let last: NodeStatus | undefined;
    return await waitFor(
      `${node} to be ${what}`,
      async () => {
        last = await this.tryStatus(node);
        return last !== undefined && isWished(last) ? last : undefined;
      },
      { explain: () => `${JSON.stringify(last)}\n${this.log(node)}` },
    );
  }

  /** Waits until all virtual addresses stand in a node's kernel: they may come after the role (docs/decisions/0030). */
  async waitForAddresses(node: string): Promise<void> {
    const wanted = virtualAddresses(this.settings);
    let text = "";
    await waitFor(
      `${node} to hold ${wanted.join(", ")}`,
      async () => {
        text = await runCommand("ip", ["-n", this.namespace(node), "-o", "address", "show"]);
        return wanted.every((address) => text.includes(` ${address} `));
      },
      { explain: () => `${text}\n${this.log(node)}` },
    );
  }

  /** What a node says of its stream to a peer. */
  async streamTo(node: string, peer: string): Promise<ReplicationStreamStatus> {
    const { replication } = await this.status(node);
    const stream = replication.streams.find((one) => one.peer === peer && one.direction === "to");
    if (stream === undefined) throw new Error(`${node} has no stream to ${peer}`);
    return stream;
  }

  /** The process of one role; `supervisor` is the daemon itself. */
  async processOf(node: string, role: string): Promise<{ pid: number; restarts: number }> {
    const { processes } = await this.waitForNode(node, `running its ${role}`, (status) =>
      status.processes.some((one) => one.role === role && one.pid > 0),
    );
    const found = processes.find((one) => one.role === role);
    if (found === undefined) throw new Error(`${node} has no role ${role}`);
    return found;
  }

  log(node: string): string {
    try {
      return readFileSync(nodeLog(this.name, node), "utf8");
    } catch {
      return "";
    }
  }

  /** The kernel's connection table of a part of the lab, a line each. */
  async flows(part: string, family: "ipv4" | "ipv6" = "ipv4"): Promise<string[]> {
    const text = await runCommand("sh", [
      "-c",
      `exec ip netns exec ${this.namespace(part)} conntrack -L -f ${family} 2>/dev/null`,
    ]);
    return text.split("\n").filter((line) => line !== "");
  }
}

/** All nodes are there, one is active, and every other one could take over with every connection. */
function isReady({ verdict, groups, activeNode, nodes }: ClusterStatus): boolean {
  if (verdict !== "ok" || groups.some((group) => group.activeNode === null)) return false;
  return nodes.every(({ name, reachable, replication }) => {
    return reachable && (name === activeNode || replication.complete);
  });
}

/** It has answered in time, and so have its failover role and its supervisor: what it does not say is then not so. */
export function saysAll({ reachable, role, processes }: NodeStatus): boolean {
  return reachable && role !== "unknown" && processes.length > 0;
}

/** The sum of the counters whose names begin so: a decoder's reasons, for example. */
export function countersThatBegin(status: NodeStatus, prefix: string): number {
  return Object.entries(status.counters)
    .filter(([name]) => name.startsWith(prefix))
    .reduce((sum, [, value]) => sum + value, 0);
}

/** `tocha run` in a namespace of a lab, with any document. Ends with the lab. */
export class TestDaemon {
  readonly #child: ChildProcess;
  #said = "";
  #hasEnded = false;

  constructor(options: {
    readonly namespace: string;
    readonly config: string;
    readonly node: string;
    readonly runDirectory: string;
    /** Words before the command, such as `setpriv` and its options; outside of the namespace, and inside. */
    readonly outside?: readonly string[];
    readonly through?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    /** A descriptor for its log, instead of `said`. */
    readonly stdout?: number;
    /** A program of the tests, instead of `tocha run`. */
    readonly command?: readonly string[];
  }) {
    const { namespace, config, node, runDirectory, through = [] } = options;
    mkdirSync(runDirectory, { recursive: true });
    const [program = "ip", ...words] = [...(options.outside ?? []), "ip"];
    this.#child = spawn(
      program,
      [
        ...words,
        ...["netns", "exec", namespace, ...through, ...(options.command ?? [launcher, "run"])],
        ...["--config", config, "--node", node],
        ...["--run-dir", runDirectory, "--state-dir", join(runDirectory, "state")],
      ],
      // Its own session, as in production: signals to the test's terminal are not meant for it.
      {
        stdio: ["ignore", options.stdout ?? "pipe", "pipe"],
        detached: true,
        env: { ...process.env, ...options.environment },
      },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    // Not "exit": its last words may come after that.
    this.#child.once("close", () => {
      this.#hasEnded = true;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything it has said, its log included. */
  get said(): string {
    return this.#said;
  }

  /** @returns the exit status, once it has ended */
  async exitStatus(): Promise<number | null> {
    await waitFor("the daemon to end", () => this.#hasEnded, { explain: () => this.#said });
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.exitStatus();
  }
}

import type { NodeStatus, StatusProblem } from "../../src/contract/status.ts";
import { cut, mend } from "../../src/lab/node-power.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import type { TestLab } from "./daemon-node.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

export const PATHS = ["sync", "lan", "wan"] as const;
export type Path = (typeof PATHS)[number];
const NODES = ["gw1", "gw2"] as const;
/**
 * Between doubt and question. A node that is stopped confirms nobody, and what its kernel has forgotten it cannot ask for where no answers
 * come: it has to be back before. With the kernel's 5 s that was not enough when the machine was busy.
 */
const DELAY_SECONDS = 10;
/** How long a kernel believes in a neighbour that nobody confirms, once `doubtNeighbours` was called: 0.75 s, the delay, one question, and a rest. */
const DOUBT_MS = 4_000 + 1_000 * DELAY_SECONDS;

/** A lab of two nodes whose paths fail: who hears whom on which of them. */
export class HearingLab {
  readonly #lab: TestLab;

  constructor(lab: TestLab) {
    this.#lab = lab;
  }

  /**
   * Has the kernels of the nodes soon give up neighbours whose hardware address is not confirmed. By default that takes up to a minute,
   * and happens at a moment that no test can choose.
   */
  async doubtNeighbours(): Promise<void> {
    const delay = `delay_first_probe_time=${DELAY_SECONDS}`;
    const settings = ["base_reachable_time_ms=500", delay, "ucast_solicit=1", "retrans_time_ms=200"];
    for (const node of NODES) {
      const words = PATHS.flatMap((path) => settings.map((setting) => `net.ipv4.neigh.${path}.${setting}`));
      await runCommand("ip", ["netns", "exec", this.#lab.namespace(node), "sysctl", "-q", "-w", ...words]);
    }
  }

  async outlastDoubt(): Promise<void> {
    await letTimePass(DOUBT_MS);
  }

  async waitForHearing(node: string, wanted: readonly Path[]): Promise<void> {
    const words = [...wanted].sort().join(" ");
    let last = "";
    await waitFor(
      `${node} to hear its peer on [${words}]`,
      async () => {
        last = heard(await this.#lab.tryStatus(node));
        return last === words;
      },
      { explain: () => `it hears it on [${last}]\n${this.#lab.log(node)}` },
    );
  }

  async waitForEachHearing(wanted: readonly Path[]): Promise<void> {
    for (const node of NODES) await this.waitForHearing(node, wanted);
  }

  /** Frames that come from a node vanish at the switches of these paths; its own hearing stays. */
  async muffle(silent: Readonly<Partial<Record<string, readonly Path[]>>>): Promise<void> {
    const ports = Object.entries(silent).flatMap(([node, paths = []]) => {
      return paths.map((path) => `"${node}-${path}"`);
    });
    const rules = `table bridge muffle {
  chain forwarded {
    type filter hook forward priority 0; policy accept;
    iifname { ${ports.join(", ")} } drop
  }
}
`;
    await runCommand("ip", this.#inNetwork("nft", "-f", "-"), { input: rules });
  }

  async unmuffle(): Promise<void> {
    await tryCommand("ip", this.#inNetwork("nft", "delete", "table", "bridge", "muffle"));
  }

  /** Without a word to the node's card, unless with loss of its carrier. */
  async cut(
    node: string,
    path: Path,
    { carrier = false }: { readonly carrier?: boolean } = {},
  ): Promise<void> {
    await cut(this.#lab.name, `${node}-${path}`, { silent: !carrier });
  }

  async mend(node: string, path: Path): Promise<void> {
    await mend(this.#lab.name, `${node}-${path}`);
  }

  async mendAll(): Promise<void> {
    await this.unmuffle();
    for (const node of NODES) for (const path of PATHS) await this.mend(node, path);
  }

  async assertRoles(roles: Readonly<Record<string, string>>): Promise<void> {
    for (const [node, role] of Object.entries(roles))
      await this.#lab.waitForNode(node, role, (status) => status.role === role);
  }

  /** What a node tells of the cluster, exactly. */
  async waitForProblems(node: string, messages: readonly string[]): Promise<readonly StatusProblem[]> {
    let last: readonly string[] = [];
    return await waitFor(
      `${node} to say: ${messages.join("; ")}`,
      async () => {
        const problems = (await this.#lab.seenBy(node))?.problems ?? [];
        last = problems.map(({ message }) => message).sort();
        return last.join("\n") === [...messages].sort().join("\n") ? problems : undefined;
      },
      { explain: () => `it says: ${last.join("; ")}` },
    );
  }

  /** What both have logged of their roles, all lives of theirs. */
  get changes(): string[] {
    return NODES.flatMap((node) =>
      [...this.#lab.log(node).matchAll(/failover info: (\w+ -> \w+)/g)].map(
        ([, change]) => `${node}: ${change}`,
      ),
    );
  }

  #inNetwork(...command: string[]): string[] {
    return ["netns", "exec", this.#lab.namespace("net"), ...command];
  }
}

/** In words that can be compared: `lan sync wan`. */
function heard(status: NodeStatus | undefined): string {
  const paths = status?.peers[0]?.paths.filter(({ alive }) => alive === true) ?? [];
  return paths
    .map(({ name }) => name)
    .sort()
    .join(" ");
}

import type { NodeStatus } from "../../src/contract/status.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import type { TestLab } from "./daemon-node.ts";

const NODES = ["gw1", "gw2"] as const;

/** A lab of two nodes that can be parted from each other, and reach an arbiter all the same. */
export class ArbiterLab {
  readonly #lab: TestLab;

  constructor(lab: TestLab) {
    this.#lab = lab;
  }

  /** The roles once all is well, of an active that has been it for a while: it is to be told from one that has just taken over. */
  async settledRoles(): Promise<{ active: string; standby: string }> {
    const roles = await this.#lab.rolesWhenWell();
    await this.#lab.waitForNode(
      roles.active,
      "active for two seconds",
      ({ role, sinceSeconds }) => role === "active" && sinceSeconds >= 2,
    );
    return roles;
  }

  /** No frame passes from node to node on any switch; both reach everybody else. */
  async part(): Promise<void> {
    const rules = `table bridge parted {
  chain forwarded {
    type filter hook forward priority 0; policy accept;
    iifname "gw1-*" oifname "gw2-*" drop
    iifname "gw2-*" oifname "gw1-*" drop
  }
}
`;
    const net = this.#lab.namespace("net");
    await runCommand("ip", ["netns", "exec", net, "nft", "-f", "-"], { input: rules });
  }

  async unite(): Promise<void> {
    const command = ["nft", "delete", "table", "bridge", "parted"];
    await tryCommand("ip", ["netns", "exec", this.#lab.namespace("net"), ...command]);
  }

  async waitForArbiter(node: string, state: string): Promise<NodeStatus> {
    return await this.#lab.waitForNode(
      node,
      `${state} by the arbiter`,
      ({ arbiter }) => arbiter?.[0]?.state === state,
    );
  }

  async waitUntilReached(node: string): Promise<void> {
    await this.#waitForReach(node, "in touch with the arbiter", true);
  }

  async waitUntilUnreached(node: string): Promise<void> {
    await this.#waitForReach(node, "without its arbiter", false);
  }

  async rolesOf(): Promise<Record<string, string>> {
    const roles = NODES.map(async (node) => [node, (await this.#lab.status(node)).role] as const);
    return Object.fromEntries(await Promise.all(roles));
  }

  /** Every change of role that a node has logged, in all its lives. */
  changesOf(node: string): string[] {
    const changes = this.#lab.log(node).matchAll(/failover info: (\w+ -> \w+)/g);
    return [...changes].map(([, change = ""]) => change);
  }

  async #waitForReach(node: string, what: string, reached: boolean): Promise<void> {
    const isSo = ({ arbiter }: NodeStatus) => arbiter?.[0]?.reachable === reached;
    await this.#lab.waitForNode(node, what, isSo);
  }
}

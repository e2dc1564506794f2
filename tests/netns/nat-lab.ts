import { readFileSync, writeFileSync } from "node:fs";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { nodeNames } from "../../src/lab/lab-plan.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { ipBatch, runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";

/** Where the host behind the gateway answers that forwards lead to. */
export const HOST_PORT = 7_007;
export const SERVER_PORT = 7_008;

/** Addresses of the lab with translations of every kind. The client and the host are both on the LAN. */
export const at = {
  client: "10.1.0.10",
  client6: "fd00:1::10",
  host: "10.1.0.20",
  host6: "fd00:1::20",
  server: "192.0.2.9",
  server6: "2001:db8::9",
  /** A second address of the server: another destination. */
  otherServer: "192.0.2.8",
  /** The gateway's outside addresses. */
  outside: "192.0.2.1",
  outside6: "2001:db8::1",
  /** One to one with the host. */
  hostOutside: "192.0.2.50",
  /** Within a network that is one to one with another one outside. */
  lab: "10.3.0.5",
  labOutside: "203.0.113.53",
  /** Routed to the cluster, and nobody's. */
  nobody: "203.0.113.40",
} as const;

/** Subscribers of 10.77.0.0/24, 16 to an address. */
export const subscribers = ["10.77.0.0", "10.77.0.1", "10.77.0.17", "10.77.0.255"] as const;
/** Subscribers with eight ports each. */
export const poor = ["10.77.1.0", "10.77.1.1"] as const;
/** Hosts that leave with a pool in two parts. */
export const pooled = Array.from({ length: 12 }, (_, index) => `10.77.16.${index + 1}`);
export const poolAddresses = ["192.0.2.60", "192.0.2.61", "192.0.2.62", "203.0.113.32"];

const rules = `nat:
  forward:
    - { id: web, protocol: both, address: ${at.outside}, port: 8080, target: ${at.host}, targetPort: ${HOST_PORT} }
    - { id: web6, protocol: both, address: "${at.outside6}", port: 8080, target: "${at.host6}", targetPort: ${HOST_PORT} }
    - { id: moved, protocol: tcp, address: ${at.outside}, port: 9000-9009, target: ${at.host}, targetPort: ${HOST_PORT - 7} }
    - { id: friends, protocol: tcp, address: ${at.outside}, port: 8081, target: ${at.host}, targetPort: ${HOST_PORT}, from: ${at.otherServer}/32 }
    - { id: strangers, protocol: tcp, address: ${at.outside}, port: 8082, target: ${at.host}, targetPort: ${HOST_PORT}, hairpin: false }
    - { id: routed, protocol: tcp, address: 203.0.113.41, port: 8080, target: ${at.host}, targetPort: ${HOST_PORT} }
  oneToOne:
    - { id: host, inside: ${at.host}, outside: ${at.hostOutside}, out: wan }
    - { id: labs, inside: 10.3.0.0/28, outside: 203.0.113.48/28, out: wan }
  cgnat:
    - { id: homes, subscribers: 10.77.0.0/24, out: wan, pool: 203.0.113.0/28, portsPerSubscriber: 4032 }
    - { id: poor, subscribers: 10.77.1.0/30, out: wan, pool: 203.0.113.16, portsPerSubscriber: 8, firstPort: 60000 }
`;
const poolRule = `    - { id: pooled, from: 10.77.16.0/24, out: wan, to: [192.0.2.60-192.0.2.62, 203.0.113.32] }\n`;

/** Two gateways with translations of every kind, a client with subscribers behind it, and another host beside it. */
export class NatLab {
  readonly lab: TestLab;
  readonly host: string;

  private constructor(lab: TestLab) {
    this.lab = lab;
    this.host = `${lab.name}-host`;
  }

  static async up(prefix: string): Promise<NatLab> {
    const lab = await TestLab.up(prefix, {}, { daemons: false });
    const made = new NatLab(lab);
    try {
      await made.#wire();
      const path = documentPath(lab.name);
      writeFileSync(path, withTranslations(readFileSync(path, "utf8")));
      for (const node of nodeNames(lab.settings)) await startNode(lab.name, node);
      await lab.waitUntilWellOn("gw1");
      return made;
    } catch (error) {
      await made.down();
      throw error;
    }
  }

  async down(): Promise<void> {
    await this.lab.down();
    await runCommand("sh", ["-c", `ip netns del ${this.host} 2>/dev/null || true`]);
  }

  /** What a node's rule with this id has counted. */
  async counted(node: string, chain: string, comment: string): Promise<number> {
    const args = ["netns", "exec", this.lab.namespace(node), "nft", "list", "chain", "inet", "tocha", chain];
    const text = await runCommand("ip", args);
    const lines = text.split("\n").filter((line) => line.includes(`comment "${comment}"`));
    return lines.reduce((sum, line) => sum + Number(/packets (\d+)/.exec(line)?.[1] ?? Number.NaN), 0);
  }

  async #wire(): Promise<void> {
    const { lab, host } = this;
    await runCommand("ip", ["netns", "add", host]);
    await ipBatch(lab.namespace("net"), [
      `link add name host type veth peer name eth0 netns ${host}`,
      "link set dev host master lan",
      "link set dev host up",
    ]);
    await ipBatch(host, [
      "link set dev lo up",
      "link set dev eth0 up",
      `address add ${at.host}/24 dev eth0`,
      `address add ${at.host6}/64 dev eth0 nodad`,
      `address add ${at.lab}/32 dev lo`,
      "route add default via 10.1.0.1",
      "route add default via fd00:1::1",
    ]);
    const behindClient = [...subscribers, ...poor, ...pooled];
    await ipBatch(
      lab.namespace("lan"),
      behindClient.map((address) => `address add ${address}/32 dev lo`),
    );
    await ipBatch(lab.namespace("wan"), [
      `address add ${at.otherServer}/24 dev eth0`,
      `route add 203.0.113.0/26 via ${at.outside}`,
    ]);
    for (const node of nodeNames(lab.settings))
      await ipBatch(lab.namespace(node), [
        `route add 10.3.0.0/28 via ${at.host}`,
        // As a gateway has one: what is for nobody would go back there.
        `route add default via ${at.server}`,
      ]);
  }
}

function withTranslations(text: string): string {
  const wan = '      wan: ["192.0.2.1/24", ';
  const changed = text
    .replace(wan, `${wan}"192.0.2.50/24", "192.0.2.60/24", "192.0.2.61/24", "192.0.2.62/24", `)
    .replace("nat:\n", `    routedNetworks: { wan: [203.0.113.0/26] }\n${rules}`)
    .replace("  source:\n", `  source:\n${poolRule}`);
  if (
    !changed.includes("192.0.2.50/24") ||
    !changed.includes("pooled") ||
    !changed.includes("routedNetworks")
  )
    throw new Error(`the lab's document is not as expected:\n${text}`);
  return changed;
}

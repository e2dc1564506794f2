import type { ClusterDocument } from "../../src/contract/cluster-document.ts";
import { readDocument } from "../../src/contract/read-document.ts";

/** How many, by the length of the prefix of their network and of their pool: 16 share an address. */
const prefixLengths: Readonly<Record<number, readonly [number, number]>> = {
  65536: [16, 20],
  131072: [15, 19],
};

export const subscriberCounts: readonly number[] = Object.keys(prefixLengths).map(Number);

/** The document of a provider whose subscribers share addresses. */
export function subscriberDocument(
  subscribers: number,
  { target = "10.1.0.20", portsPerSubscriber = 4_032 } = {},
): ClusterDocument {
  const [network, pool] = prefixLengths[subscribers] ?? [];
  const text = `cluster: provider
nodes:
  gw1:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.2/24] }
      wan: { device: eth1, addresses: [192.0.2.2/24] }
      sync: { device: eth2, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.3/24] }
      wan: { device: eth1, addresses: [192.0.2.3/24] }
      sync: { device: eth2, addresses: [10.255.0.2/24] }
groups:
  main:
    virtualRouterId: 51
    priorities: { gw1: 110, gw2: 100 }
    addresses: { lan: [10.1.0.1/24], wan: [192.0.2.1/24] }
    routedNetworks: { wan: [198.18.32.0/${pool}] }
nat:
  forward:
    - { id: web, protocol: tcp, address: 192.0.2.1, port: 443, target: ${target} }
  cgnat:
    - { id: homes, subscribers: 100.64.0.0/${network}, out: wan, pool: 198.18.32.0/${pool}, portsPerSubscriber: ${portsPerSubscriber} }
replication: { interface: sync }
`;
  const { document, problems = [] } = readDocument(text, "provider.yaml");
  if (document === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  return document;
}

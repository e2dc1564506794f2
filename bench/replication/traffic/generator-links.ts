import { labAddresses, namespaceOf } from "../../../src/lab/lab-plan.ts";
import { ipBatch, runCommand } from "../../../src/lab/run-command.ts";

/**
 * The generator's ends have hardware addresses of their own behind the client's and the server's cable. Frames to them
 * reach its packet sockets, and then end in the first line of the kernel's IP input, because they are for another host:
 * otherwise the end hosts' kernels would look up a route for every one of them, for nothing.
 */
const ends = [
  {
    port: "client",
    device: "lan",
    nextHop: "10.1.0.200",
    mac: "02:00:00:00:c1:02",
    network: labAddresses.subscribers,
  },
  {
    port: "server",
    device: "wan",
    nextHop: "192.0.2.200",
    mac: "02:00:00:00:5e:02",
    network: labAddresses.services,
  },
] as const;

/** Tells the switches of a lab where the generator's ends are. */
export async function plugInGenerator(lab: string): Promise<void> {
  for (const { port, mac } of ends) {
    await runCommand("bridge", [
      ...["-n", namespaceOf(lab, "net"), "fdb", "replace", mac],
      ...["dev", port, "master", "static"],
    ]);
  }
}

/** Gives a gateway the routes to the generator's ends; a node that boots anew needs them anew. */
export async function routeToGenerator(lab: string, node: string): Promise<void> {
  await ipBatch(
    namespaceOf(lab, node),
    ends.flatMap(({ device, nextHop, mac, network }) => [
      `neighbour replace ${nextHop} lladdr ${mac} dev ${device} nud permanent`,
      `route replace ${network} via ${nextHop}`,
    ]),
  );
}

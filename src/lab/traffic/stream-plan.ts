import { bareAddress, labAddresses } from "../lab-plan.ts";

/** Where one connection comes from and goes to. */
export interface StreamRoute {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
}

export const STREAM_PORT = 5_001;
const IPV6_SHARE = 0.2;
// Below the ephemeral ports, so that nothing else takes them.
const FROM_PORT_FIRST = 20_000;

/**
 * The routes of all connections: the IPv6 ones first, then IPv4.
 *
 * Every two connections leave from the client's two addresses with the same source port, to the same server:
 * behind one public address, the gateway must change the port of one of them.
 */
export function streamRoutes({ connections, ipv6 }: { connections: number; ipv6: boolean }): StreamRoute[] {
  const ipv6Count = ipv6 ? 2 * Math.floor((connections * IPV6_SHARE) / 2) : 0;
  const [a4 = "", b4 = "", a6 = "", b6 = ""] = labAddresses.client.map(bareAddress);
  const [to4 = "", to6 = ""] = labAddresses.server.map(bareAddress);
  return Array.from({ length: connections }, (_, index) => {
    const v6 = index < ipv6Count;
    const first = index % 2 === 0;
    return {
      from: v6 ? (first ? a6 : b6) : first ? a4 : b4,
      fromPort: FROM_PORT_FIRST + Math.floor(index / 2),
      to: v6 ? to6 : to4,
    };
  });
}

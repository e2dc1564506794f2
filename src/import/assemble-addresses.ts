import { formatIp, formatNetwork, isLinkLocal, networkBase, networkContains } from "../base/ip.ts";
import type { Interfaces } from "./assemble-interfaces.ts";
import type { VirtualAddress } from "./keepalived-instance.ts";
import type { MissingFact } from "./missing-fact.ts";
import type { Remarks } from "./remark.ts";

const LINK_LOCAL_LENGTH = 64;

export interface AddressTools {
  readonly interfaces: Interfaces;
  readonly remarks: Remarks;
  readonly missing: MissingFact[];
}

/**
 * A virtual address with the prefix length of its network. keepalived gives an address without a length the length 32 or
 * 128; the document wants that of the network, which the nodes' own addresses there tell.
 *
 * @returns undefined when no node's own address tells the network: that is a missing fact then
 */
export function documentAddress(
  { at, network, hasLength }: VirtualAddress,
  role: string,
  { interfaces, remarks, missing }: AddressTools,
): string | undefined {
  const { address } = network;
  if (isLinkLocal(address) && address.length === 16)
    return formatNetwork({ address, prefixLength: LINK_LOCAL_LENGTH });
  const lengths = interfaces.nodes.map((node) => {
    const around = interfaces.own(node, role).filter((own) => networkContains(own, address));
    if (around[0] === undefined) {
      const where =
        hasLength && network.prefixLength < address.length * 8
          ? ` (${formatNetwork(networkBase(network))})`
          : "";
      missing.push({
        what: `an own address of ${node} on "${role}", in the network of ${formatIp(address)}${where}`,
        option: `--address ${node}/${role}=ADDRESS/LENGTH`,
      });
    }
    return around.some((own) => own.prefixLength === network.prefixLength)
      ? network.prefixLength
      : around[0]?.prefixLength;
  });
  const length = lengths.find((one) => one !== undefined);
  if (length === undefined || lengths.includes(undefined)) return undefined;
  const text = formatNetwork({ address, prefixLength: length });
  if (hasLength && length !== network.prefixLength)
    remarks.changed(at, `it has the prefix length of its network in the document: ${text}`);
  return text;
}

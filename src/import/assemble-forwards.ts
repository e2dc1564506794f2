import { formatIp, formatNetwork, networkBase, parseIp, parseNetwork } from "../base/ip.ts";
import type { AddressTools } from "./assemble-addresses.ts";
import { documentName, freeName } from "./config-values.ts";
import type { PortForward } from "./nat-facts.ts";
import { natHints } from "./nat-facts.ts";
import type { NodeConfig } from "./node-config.ts";

/** A document has at most so many forwards. */
const RULES_MAX = 1_024;

/** `nat.forward` of the document. Nodes that say the same say it once. */
export function assembleForwards(
  nodes: readonly NodeConfig[],
  virtual: ReadonlyMap<string, string>,
  tools: AddressTools,
): unknown[] {
  const rules: unknown[] = [];
  const seen = new Set<string>();
  const taken = new Set<string>();
  for (const node of nodes) {
    for (const forward of node.forwards) {
      for (const rule of rulesOf(forward, node, virtual, tools)) {
        // The first that matches counts: a later one for the same port never does.
        const key = `${rule.protocol} ${rule.address} ${rule.port} ${String(rule.from)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        if (rules.length >= RULES_MAX) {
          tools.remarks.lost(forward.at, `a document has at most ${RULES_MAX} port forwards`);
          break;
        }
        rules.push({
          id: freeName(documentName(forward.name ?? "", `forward-${rules.length + 1}`), taken),
          ...rule,
        });
      }
    }
  }
  return rules;
}

interface ForwardRule {
  readonly protocol: string;
  readonly address: string;
  readonly port: number | string;
  readonly target: string;
  readonly targetPort?: number;
  readonly from?: string | string[];
  readonly hairpin?: false;
}

/** A rule of the document for every port, or range of them. */
function rulesOf(
  forward: PortForward,
  node: NodeConfig,
  virtual: ReadonlyMap<string, string>,
  tools: AddressTools,
): ForwardRule[] {
  const { at, device, protocol, ports, target, targetPort, from } = forward;
  const { remarks, interfaces } = tools;
  const refuse = (why: string, hint: string = natHints.forward) => {
    remarks.lost(at, why, hint);
    return [];
  };
  const host = parseIp(target);
  if (host === undefined) return refuse("it forwards to something that is no address");
  const role = device === undefined ? undefined : interfaces.roleOf(node.name, device);
  if (device !== undefined && role === undefined)
    return refuse(`${device.slice(0, 40)} is no interface of the document`);
  const asked = forward.address === undefined ? undefined : parseIp(forward.address);
  const addresses =
    asked === undefined
      ? [...virtual].flatMap(([address, where]) =>
          (role === undefined || role === where) && parseIp(address)?.length === host.length ? [address] : [],
        )
      : [formatIp(asked)];
  const [address, ...others] = addresses;
  if (address === undefined || others.length > 0)
    return refuse(
      "it does not say of which address the ports are",
      "Add ip daddr (iptables: -d) with the virtual address, and import again.",
    );
  const where = virtual.get(address);
  if (where === undefined || (role !== undefined && role !== where))
    return refuse(
      `${address} is no virtual address${role === undefined ? "" : ` of "${role}"`}: it would stay behind when the node dies`,
    );
  const networks = from.map((text) => parseNetwork(text));
  const sources = networks.flatMap((one) => (one === undefined ? [] : [formatNetwork(networkBase(one))]));
  if (sources.length < networks.length) return refuse("its sources are not networks");
  const [only, ...more] = sources;
  return ports.map((port) => ({
    ...{ protocol, address, port: port.includes("-") ? port : Number(port), target: formatIp(host) },
    ...(targetPort === undefined || String(targetPort) === port ? {} : { targetPort }),
    ...(only === undefined ? {} : { from: more.length > 0 ? sources : only }),
    // A rule for one interface is not for hosts behind the others.
    ...(device === undefined ? {} : { hairpin: false as const }),
  }));
}

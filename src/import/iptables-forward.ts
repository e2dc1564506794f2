import { forwardTarget, type PortForward } from "./nat-facts.ts";

type ReadForward = Omit<PortForward, "at">;

/** Reads what follows `-A PREROUTING`. @returns why it cannot be carried over, or what it says */
export function readIptablesForward(words: readonly string[]): ReadForward | string {
  let device: string | undefined;
  let address: string | undefined;
  let protocol: "tcp" | "udp" | undefined;
  let ports: readonly string[] = [];
  let from: readonly string[] = [];
  let target: { address: string; port: number | undefined } | undefined;
  let name: string | undefined;
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i] ?? "";
    const value = words[i + 1] ?? "";
    switch (word) {
      case "-i":
        if (value.endsWith("+")) return "the document knows one interface, or every one";
        device = value;
        break;
      case "-d":
        address = value.replace(/\/(32|128)$/, "");
        if (address.includes("/")) return "the document forwards ports of one address";
        break;
      case "-s":
        from = value.split(",");
        break;
      case "-p":
        if (value !== "tcp" && value !== "udp") return "the document forwards ports of tcp and udp";
        protocol = value;
        break;
      case "-m":
        if (!["tcp", "udp", "multiport", "comment"].includes(value))
          return `the condition "${value.slice(0, 40)}" is not one of the document's`;
        break;
      case "--comment":
        name = value;
        break;
      case "--dport":
      case "--dports":
        ports = value.split(",").map((port) => port.replace(":", "-"));
        break;
      case "-j":
        if (value !== "DNAT") return `the rule does not forward, but goes to "${value.slice(0, 40)}"`;
        break;
      case "--to-destination":
        target = forwardTarget(value);
        if (target === undefined) return "the document forwards to one host, and to one port of it";
        break;
      default:
        return `the condition "${word.slice(0, 40)}" is not one of the document's`;
    }
  }
  if (target === undefined) return "the rule forwards nothing to another host";
  if (protocol === undefined || ports.length === 0)
    return "the document forwards ports of tcp or udp, not whole addresses";
  return { device, address, protocol, ports, from, target: target.address, targetPort: target.port, name };
}

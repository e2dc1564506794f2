import type { TLSSocket } from "node:tls";
import { nodeDnsName } from "../../keys/read-keys.ts";

/** The node that the other side's certificate was issued to, or undefined. The chain must have been verified. */
export function peerNode(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const suffix = nodeDnsName("");
  const names = socket.getPeerCertificate().subjectaltname?.split(", ") ?? [];
  const name = names.find((one) => one.startsWith("DNS:") && one.endsWith(suffix));
  return name?.slice("DNS:".length, -suffix.length);
}

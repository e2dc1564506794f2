import type { TLSSocket } from "node:tls";
import { nodeDnsName } from "../../keys/read-keys.ts";
import type { KeyRing } from "./key-ring.ts";

/**
 * The node that the other side's certificate was issued to, or undefined. The chain must have been verified; whose
 * certificate is refused since is no node any more.
 */
export function peerNode(socket: TLSSocket, ring: KeyRing): string | undefined {
  if (!socket.authorized || ring.isRevoked(socket)) return undefined;
  const suffix = nodeDnsName("");
  const names = socket.getPeerCertificate().subjectaltname?.split(", ") ?? [];
  const name = names.find((one) => one.startsWith("DNS:") && one.endsWith(suffix));
  return name?.slice("DNS:".length, -suffix.length);
}

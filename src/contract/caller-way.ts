import * as z from "zod";
import { formatIp, parseIp } from "../base/ip.ts";
import { userRoles } from "./operation.ts";

/** Where somebody who asks for a change comes from: a change must not cut off the one who would have to take it back. */
export const callerWaySchema = z.object({
  by: z.enum(["ssh", "api"]),
  /** As the node sees it. */
  address: z.string(),
  /** The address of the node, or of a group, that it came to; absent where that is not known. */
  to: z.string().optional(),
  /** The TCP port that it came to; absent over the API, where the document says it. */
  port: z.number().optional(),
  /** Who asks over the API, and what they may do. */
  user: z.object({ name: z.string(), role: z.enum(userRoles) }).optional(),
});
export type CallerWay = z.output<typeof callerWaySchema>;

/** Reads SSH_CONNECTION, "CLIENT PORT SERVER PORT" (sshd(8), environment); anything else is undefined. */
export function parseSshConnection(text: string): CallerWay | undefined {
  const [from = "", , to = "", port = "", ...rest] = text.split(" ");
  const [caller, own] = [from, to].map((one) => parseIp(withoutZone(one)));
  if (caller === undefined || own === undefined || rest.length > 0) return undefined;
  if (!/^[1-9][0-9]{0,4}$/.test(port)) return undefined;
  return { by: "ssh", address: formatIp(caller), to: formatIp(own), port: Number(port) };
}

/** A link-local address comes with its device. */
function withoutZone(text: string): string {
  return text.split("%", 1)[0] ?? "";
}

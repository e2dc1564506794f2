import { errorName } from "./libc.ts";
import type { Refusal } from "./netlink-socket.ts";

/** Counts a refusal by operation and error, such as `create ENOMEM`. */
export function countRefusal(
  refused: Record<string, number>,
  operation: string,
  { errno }: Pick<Refusal, "errno">,
): void {
  const key = `${operation} ${errorName(errno)}`;
  refused[key] = (refused[key] ?? 0) + 1;
}

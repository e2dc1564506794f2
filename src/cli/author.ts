import { hostname, userInfo } from "node:os";

/** Who asks, for logs and histories: behind sudo, whoever called it. */
export function author(): string {
  const user = process.env["SUDO_USER"] ?? userInfo().username;
  return `${user}@${hostname()}`.slice(0, 100);
}

import { hostname, userInfo } from "node:os";

/** Who gives a command, for logs and histories: behind sudo, whoever called it. */
export function author(environment: NodeJS.ProcessEnv = process.env): string {
  return `${environment["SUDO_USER"] ?? userInfo().username}@${hostname()}`.slice(0, 100);
}

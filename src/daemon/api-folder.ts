import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "api";
const SOCKET = "control.sock";

/** Where control answers the api role, in the run folder. */
export const API_SOCKET = join(FOLDER, SOCKET);
/** The same, as the api role names it: it works in that folder, and may not go through those above it. */
export const API_SOCKET_INSIDE = SOCKET;

/** The user that the api role becomes. */
export interface PlainUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** `tocha` where there is one, else `nobody`. */
export function apiUser(passwd: string = readFileSync("/etc/passwd", "utf8")): PlainUser {
  const users = passwd.split("\n").map((line) => line.split(":"));
  for (const wanted of ["tocha", "nobody"]) {
    const [name, , uid, gid] = users.find(([first]) => first === wanted) ?? [];
    if (name === undefined || !/^[1-9][0-9]*$/.test(uid ?? "") || !/^[1-9][0-9]*$/.test(gid ?? "")) continue;
    return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("neither tocha nor nobody is an ordinary user of this machine");
}

/**
 * Makes the folder of that socket: root makes files in it, and only the api role's group may go through it.
 *
 * @returns its path
 */
export function makeApiFolder(runDirectory: string): string {
  const path = join(runDirectory, FOLDER);
  rmSync(path, { recursive: true, force: true });
  const { getegid, setegid } = process;
  if (getegid === undefined || setegid === undefined) throw new Error("no Linux");
  const own = getegid();
  const mask = process.umask(0o027);
  // A new folder gets the group that makes it: that needs no CAP_CHOWN.
  if (process.geteuid?.() === 0) setegid(apiUser().gid);
  try {
    mkdirSync(path, { mode: 0o710 });
  } finally {
    setegid(own);
    process.umask(mask);
  }
  return path;
}

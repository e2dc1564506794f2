import { existsSync } from "node:fs";

/**
 * Importing this file, first of all imports, puts the process into a network namespace of its own: a test may change
 * addresses, rules and connections as it likes, and the namespace ends with the process, however that ends.
 *
 * A namespace belongs to a thread, so it cannot be entered from within Node.js: `unshare` enters it and runs us again.
 */
const INSIDE = "TOCHA_TEST_INSIDE_NAMESPACE";
const UNSHARE = "/usr/bin/unshare";

if (process.getuid?.() !== 0) {
  throw new Error("this needs root, to make network namespaces: run it with sudo, or as root in a container");
}
if (process.env[INSIDE] !== String(process.pid)) {
  if (!existsSync(UNSHARE)) throw new Error("unshare is missing: apt-get install util-linux");
  if (process.execve === undefined) throw new Error("process.execve is missing: run with scripts/node.sh");
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  // The same process goes on (its id stays), so a test runner that started it sees no difference.
  process.execve(UNSHARE, ["unshare", "--net", ...command], {
    ...process.env,
    [INSIDE]: String(process.pid),
  });
}

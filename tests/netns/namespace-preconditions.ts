import { ProblemError } from "../../src/base/problem.ts";
import { checkHost } from "../../src/lab/host-check.ts";
import { runCommand } from "../../src/lab/run-command.ts";

/**
 * Fails, with words that help, where tests with real namespaces cannot run. They are never skipped: a skipped test
 * looks like a passed one.
 */
export async function requireNamespaces(programs: readonly string[] = []): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error("these tests make network namespaces and need root: sudo npm test");
  try {
    await checkHost();
  } catch (error) {
    if (error instanceof ProblemError)
      throw new Error(`${error.problem.message}\n${error.problem.hint ?? ""}`, { cause: error });
    throw error;
  }
  for (const program of programs) {
    try {
      await runCommand("sh", ["-c", `command -v ${program}`]);
    } catch {
      throw new Error(`this test needs the program ${program}: apt-get install ${program}`);
    }
  }
}

import { type Problem, ProblemError } from "../../base/problem.ts";

/** Does something with each node at the same time. @returns what failed, by node */
export async function onEach(
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<Map<string, Problem>> {
  const failed = new Map<string, Problem>();
  await Promise.all(
    names.map(async (name) => {
      try {
        await work(name);
      } catch (error) {
        const problem = error instanceof ProblemError ? error.problem : undefined;
        const message = error instanceof Error ? error.message : String(error);
        failed.set(name, problem ?? { code: "node-unreachable", message });
      }
    }),
  );
  return failed;
}

import { ProblemError } from "../../base/problem.ts";
import { labDown, labUp } from "../lab.ts";
import { type LabSettings, nodeNames } from "../lab-plan.ts";
import { logTail } from "../node-process.ts";

export interface OwnLabOptions {
  readonly signal?: AbortSignal;
  /** Gets what happens, as lines for people. */
  readonly log?: (line: string) => void;
  /** How much of each node's log is told after a failure. */
  readonly logLines?: number;
}

const LOG_LINES = 12;

/** Makes a lab for one play, and takes it down whatever comes. The logs go with it: after a failure they are told before. */
export async function inOwnLab<R extends { readonly ok: boolean }>(
  settings: LabSettings,
  options: OwnLabOptions,
  play: () => Promise<R>,
): Promise<R> {
  const { signal } = options;
  await labUp(settings, { owned: true, ...(signal === undefined ? {} : { signal }) });
  try {
    const report = await play();
    if (!report.ok) tellLogs(settings, options);
    return report;
  } catch (error) {
    if (error instanceof ProblemError) tellLogs(settings, options);
    throw error;
  } finally {
    await labDown(settings.name);
  }
}

function tellLogs(settings: LabSettings, { log, logLines = LOG_LINES }: OwnLabOptions): void {
  for (const node of nodeNames(settings)) {
    log?.(`the last words of ${node}:\n${logTail(settings.name, node, logLines)}`);
  }
}

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import { currentProcessor, keepOnProcessors, setRealTimePriority } from "../../linux/libc.ts";
import { WakeUp } from "../../linux/wake-up.ts";
import { clockOffsetMs } from "../drivers/clock-offset.ts";
import { LoopGuard } from "../drivers/loop-guard.ts";
import { LoopTurns } from "../drivers/loop-turns.ts";

/** What the failover role gives its guard. */
export interface LoopGuardData {
  readonly memory: SharedArrayBuffer;
  /** That both may run on: two at least. */
  readonly processors: readonly number[];
  /** The thread of the loop. */
  readonly threadId: number;
  /** Of the WakeUp that the loop waits for. */
  readonly wakeFd: number;
  /** Real-time, above that of all threads but the loop: one that spins for a lock of the kernel keeps its processor else. */
  readonly priority: number;
}

const START_LOOK_MS = 20;

/** proc_thread-self(5): `PID/task/TID`. */
const ownThreadId = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
/** Besides loop and guard: those of scripts, or those of V8 and libuv. The others have names of their own ("node-V8Worker", "libuv-worker"). */
function otherThreads(areScripts: boolean): number[] {
  return readdirSync("/proc/self/task")
    .map(Number)
    .filter((one) => one !== threadId && one !== ownThreadId && isScript(one) === areScripts);
}

function isScript(thread: number): boolean {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, "utf8").startsWith("WorkerThread");
  } catch {
    return false; // It has just ended.
  }
}

const { memory, processors, threadId, wakeFd, priority } = workerData as LoopGuardData;
const wakeUp = WakeUp.of(wakeFd);
const turns = LoopTurns.in(memory);
const guard = new LoopGuard({
  turns,
  processors,
  kernel: {
    current: currentProcessor,
    keepGuardOn: (some) => keepOnProcessors(some),
    keepLoopOn: (processor) => {
      keepOnProcessors([processor], threadId);
      // Before all else: the rest may wait for the other processor, and the guard itself may be about to go there.
      wakeUp.ring();
      for (const helper of otherThreads(false)) keepOnProcessors([processor], helper);
    },
    fetchKeeper: (processor) => {
      for (const keeper of otherThreads(true)) {
        keepOnProcessors([processor], keeper);
        keepOnProcessors(processors, keeper);
      }
    },
  },
});
flushCompileCache();
globalThis.gc?.();
// It is guarded when it has its own priority, and has given all threads theirs.
while (!turns.isGuarded) turns.sleep(START_LOOK_MS);
setRealTimePriority(priority);
for (;;) turns.sleep(guard.look(performance.now() + clockOffsetMs));

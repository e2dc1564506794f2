import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { currentProcessor, errno, keepOnProcessors } from "./libc.ts";
import { allowedProcessors, parseProcessorList } from "./processors.ts";

describe("processors", () => {
  it("are read from a list of the kernel", () => {
    assert.deepEqual(parseProcessorList("0-2,5"), [0, 1, 2, 5]);
    assert.deepEqual(parseProcessorList("7"), [7]);
    assert.deepEqual(parseProcessorList(""), []);
  });

  it("that a thread may run on can be chosen", () => {
    const all = allowedProcessors();
    assert.equal(all.length, availableParallelism());
    try {
      for (const processor of all) {
        assert.equal(keepOnProcessors([processor]), 0);
        assert.equal(currentProcessor(), processor);
        assert.deepEqual(allowedProcessors(), [processor]);
      }
      assert.equal(keepOnProcessors([1_023]), -errno.EINVAL);
      const threadMax = Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
      assert.equal(keepOnProcessors(all, threadMax), -errno.ESRCH);
    } finally {
      keepOnProcessors(all);
    }
  });
});

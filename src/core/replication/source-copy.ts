import { encodeSyncFrame } from "../../wire/flow-sync.ts";
import type { Comparison } from "./comparison.ts";
import type { GroupSet } from "./flow-owner.ts";
import type { SourceEffect } from "./source-types.ts";

/** The copy that a source has sent last, or is sending. */
export class SourceCopy {
  /** 0: none on this connection; what a standby then has is from a log that it resumed. */
  number = 0;
  of: "everything" | "what a sweep found" | "what may be missing" = "everything";
  /** It is of the groups that the source is active for now: what the standby has beyond may be missing here. */
  isPresent = false;

  get isSweep(): boolean {
    return this.of === "what a sweep found";
  }

  /** On a new connection. */
  restart(): void {
    this.number = 0;
    this.isPresent = false;
  }

  /** Of everything, or of the buckets that a comparison found: without a pass over the table if these are none. */
  begin(groups: GroupSet, whole: boolean, comparison?: Comparison): readonly SourceEffect[] {
    this.number++;
    this.isPresent = true;
    if (comparison === undefined) this.of = "everything";
    else this.of = comparison.regular ? "what a sweep found" : "what may be missing";
    const common = {
      ...({ type: "copy-begin", copy: this.number, groups } as const),
      ...{ refresh: this.isSweep, whole },
    };
    if (comparison === undefined) {
      const frame = encodeSyncFrame(common);
      return [
        { do: "send", frame },
        { do: "start-copy", groups, buckets: undefined },
      ];
    }
    const { bucketing } = comparison;
    const set = comparison.result();
    const buckets = { bits: bucketing.bits, seed: bucketing.seed, set: set.bytes };
    const begin = { do: "send", frame: encodeSyncFrame({ ...common, buckets }) } as const;
    return set.isEmpty ? [begin] : [begin, { do: "start-copy", groups, buckets: { set, bucketing } }];
  }

  end(): SourceEffect {
    return { do: "send", frame: encodeSyncFrame({ type: "copy-end", copy: this.number }) };
  }
}

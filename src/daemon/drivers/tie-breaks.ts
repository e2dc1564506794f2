import type { Standing } from "../../core/arbiter/arbitration.ts";
import { TieBreak, type TieRuling } from "../../core/arbiter/tie-break.ts";
import type { TieView } from "../../core/health/check-set.ts";

export interface TieBreaksOptions {
  readonly groups: readonly { readonly name: string; readonly pulseIntervalMs: number }[];
  /** The present answer of a group's tie-breakers. */
  readonly tie: (group: string) => TieView;
  /** An arbiter answers, and decides alone. */
  readonly isArbitrated: (group: string) => boolean;
  /** Passes a ruling on to the failover role. */
  readonly tell: (group: string, ruling: TieRuling) => void;
}

/** The tie-breakers of every group, driven by the control role's event loop. */
export class TieBreaks {
  readonly #options: TieBreaksOptions;
  readonly #groups: ReadonlyMap<string, { readonly machine: TieBreak; timer?: NodeJS.Timeout }>;

  constructor(options: TieBreaksOptions) {
    this.#options = options;
    this.#groups = new Map(
      options.groups.map(({ name, pulseIntervalMs }) => [name, { machine: new TieBreak(pulseIntervalMs) }]),
    );
  }

  stands(group: string, standing: Standing): void {
    this.reaches(group, this.#options.tie(group));
    this.#input(group, (machine) => machine.stands(performance.now(), standing));
  }

  reaches(group: string, tie: TieView): void {
    const counts: TieView = this.#options.isArbitrated(group) ? { ...tie, reach: "yes" } : tie;
    this.#input(group, (machine) => machine.reaches(performance.now(), counts));
  }

  #input(name: string, handle: (machine: TieBreak) => TieRuling | undefined): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    const ruling = handle(group.machine);
    if (ruling !== undefined) this.#options.tell(name, ruling);
    clearTimeout(group.timer);
    const { deadline } = group.machine;
    if (deadline === Number.POSITIVE_INFINITY) return;
    const again = () => this.#input(name, (machine) => machine.timeout(performance.now()));
    group.timer = setTimeout(again, Math.max(0, deadline - performance.now()));
  }
}

import { type Problem, ProblemError } from "../../base/problem.ts";
import type {
  ClusterStatus,
  Maintenance,
  ResumeAnswer,
  ResumeRequest,
  StandbyAnswer,
  StandbyRequest,
} from "../../contract/status.ts";
import type { Maintenance as SetAside } from "../../core/election/health.ts";
import { standbyRefusal } from "../../core/status/standby-refusal.ts";
import type { FailoverReport } from "../role-report.ts";
import { MaintenanceFile } from "./maintenance-file.ts";

const HANDOVER_LIMIT_MS = 5_000;
const POLL_MS = 20;

export interface NodeMaintenanceOptions {
  readonly node: string;
  readonly stateDirectory: string;
  readonly tellFailover: (maintenance: SetAside | null) => void;
  readonly askFailover: () => Promise<FailoverReport | undefined>;
  readonly askCluster: () => Promise<ClusterStatus>;
  readonly log: (text: string) => void;
}

/** Who wishes it. */
interface Author {
  readonly by: string;
}

/** Sets this node aside for maintenance, and takes it back. */
export class NodeMaintenance {
  readonly #options: NodeMaintenanceOptions;
  readonly #file: MaintenanceFile;
  #now: Maintenance | undefined;

  constructor(options: NodeMaintenanceOptions) {
    this.#options = options;
    this.#file = new MaintenanceFile(options.stateDirectory);
    this.#now = this.#file.read();
  }

  get now(): Maintenance | undefined {
    return this.#now;
  }

  /** A failover role that has just started knows nothing of it. */
  tell({ force = false }: { readonly force?: boolean } = {}): void {
    const now = this.#now;
    this.#options.tellFailover(now === undefined ? null : { why: sentence(this.#options.node, now), force });
  }

  /** Hands over what it is active for. By force also to a node that lacks connections. */
  async standby({ reason, by, force = false }: StandbyRequest & Author): Promise<StandbyAnswer> {
    const { node, log } = this.#options;
    const refusal = standbyRefusal(await this.#options.askCluster(), node);
    if (refusal !== undefined && !force) throw new ProblemError(refusal);
    const wished = { by, reason, since: new Date().toISOString() };
    this.#keep(() => this.#file.write(wished), `${node} is not set aside`);
    this.#now = wished;
    log(`${sentence(node, wished)}${refusal === undefined ? "" : ", by force"}`);
    this.tell({ force: refusal !== undefined });
    const groups = await this.#waitForOthers().finally(() => {
      // What was asked for now is no licence for what happens later.
      if (refusal !== undefined) this.tell();
    });
    const held = groups.filter(({ activeNode }) => activeNode === node).map(({ name }) => name);
    if (held.length > 0 && refusal === undefined) throw new ProblemError(unfinished(node, held));
    return { ok: true, node, groups };
  }

  resume({ by }: ResumeRequest & Author): ResumeAnswer {
    const { node, log } = this.#options;
    const maintenance = this.#now;
    if (maintenance === undefined)
      throw new ProblemError({ code: "not-in-standby", message: `${node} is not set aside` });
    this.#keep(() => this.#file.remove(), `${node} is not taken back`);
    this.#now = undefined;
    log(`${node} is taken back by ${by}`);
    this.tell();
    return { ok: true, node, maintenance };
  }

  /** What cannot be kept is not begun: a restart would undo it. */
  #keep(change: () => void, refused: string): void {
    try {
      change();
    } catch (error) {
      const { stateDirectory } = this.#options;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ProblemError({
        code: "standby-not-kept",
        message: `${refused}: that cannot be written down in ${stateDirectory}: ${reason}`,
        hint: `Is its disk full or read-only? df ${stateDirectory}; then ask again. Without it, stop the node's daemon: another node takes over.`,
      });
    }
  }

  async #waitForOthers(): Promise<StandbyAnswer["groups"]> {
    const deadline = performance.now() + HANDOVER_LIMIT_MS;
    for (;;) {
      const report = await this.#options.askFailover();
      const groups = report?.groups.map(({ name, view }) => ({ name, activeNode: view.activeNode ?? null }));
      // The message that sets it aside was on its way when this was asked for the first time.
      const isTold = report?.groups.every(({ view }) => view.maintenance) ?? false;
      const isElsewhere = groups?.every(
        ({ activeNode }) => activeNode !== null && activeNode !== this.#options.node,
      );
      if (groups !== undefined && isTold && (isElsewhere === true || performance.now() >= deadline))
        return groups;
      if (performance.now() >= deadline) throw new ProblemError(noAnswer);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

const noAnswer: Problem = {
  code: "no-answer",
  message: "the failover role does not answer",
  hint: "tocha status; it is started again by itself.",
};

function unfinished(node: string, groups: readonly string[]): Problem {
  return {
    code: "standby-unfinished",
    message: `${node} is set aside, but still active for ${groups.join(" and ")}: the other node did not confirm all connections in time`,
    hint: `It is tried again by itself: tocha status. To undo it: tocha node resume ${node}`,
  };
}

function sentence(node: string, { by, reason }: Maintenance): string {
  return `${node} is set aside by ${by}${reason === "" ? "" : `: ${reason}`}`;
}

import { setTimeout as sleep } from "node:timers/promises";
import { readLabRecord } from "../lab-folder.ts";
import { type LabStatus, labStatus } from "../lab-status.ts";
import type { Stage } from "../scenarios/stage.ts";
import type { Screen } from "./screen.ts";
import { type LiveView, liveLines, milliseconds } from "./story-text.ts";

const CYCLE_MS = 1_000;
// A change is reported when this much time has passed without another: what it does to the traffic shows by then.
const CALM_CYCLES = 3;
// While nothing changes, the measured period begins anew after so long, so that a report is about its change.
const PERIOD_CYCLES = 10;
const PLAIN_CYCLES = 10;

/**
 * Looks at a lab second by second: what moves, what is lost, how long the gaps are. Changes that somebody makes
 * become lines that stay.
 */
export class PlayView {
  readonly #stage: Stage;
  readonly #screen: Screen;
  #cycle = 0;
  #gapMs = 0;
  #stallMs = 0;
  #periodStart = 0;
  #changedAt: number | undefined;
  #brokenBefore = 0;
  /** The situation at the last look, and the one that was told last. */
  #seen: string | undefined;
  #told: string | undefined;

  constructor(stage: Stage, screen: Screen) {
    this.#stage = stage;
    this.#screen = screen;
  }

  /** Shows the lab for so long; for ever without a time. Ends early when the lab is taken down. */
  async run(signal: AbortSignal, forMs = Number.POSITIVE_INFINITY): Promise<void> {
    const lab = this.#stage.settings.name;
    const endMs = performance.now() + forMs;
    await this.#stage.mark();
    while (performance.now() < endMs) {
      await sleep(Math.min(CYCLE_MS, endMs - performance.now()), undefined, { signal });
      if (readLabRecord(lab) === undefined) return this.#screen.say("", `  The lab was taken down.`);
      await this.#look(lab);
    }
  }

  async #look(lab: string): Promise<void> {
    const [streams, probe, status] = await Promise.all([
      this.#stage.streams.reportAndForget(),
      this.#stage.probe.report(),
      // The lab may be about to change under our eyes: then there is no status this time.
      labStatus(lab).catch(() => undefined),
    ]);
    await this.#stage.mark();
    this.#cycle += 1;
    this.#gapMs = Math.max(this.#gapMs, probe.gapMs);
    this.#stallMs = Math.max(this.#stallMs, streams.longestStallMs);
    const view = { streams, probe, status, gapMs: this.#gapMs, stallMs: this.#stallMs };
    if (status !== undefined) this.#noteChange(status);
    this.#tellChange(view);
    const lines = liveLines(this.#screen, view);
    this.#screen.show(["", ...lines]);
    if (!this.#screen.live && this.#cycle % PLAIN_CYCLES === 0) this.#screen.say(...lines);
  }

  /** A change counts once it has been seen twice: nodes that start or hand over look odd for a moment. */
  #noteChange(status: LabStatus): void {
    const now = situation(status);
    if (now === this.#seen && now !== this.#told) {
      if (this.#told !== undefined) {
        this.#screen.say(`  ${clock()}  ${now}`);
        this.#changedAt = this.#cycle;
      }
      this.#told = now;
    }
    this.#seen = now;
  }

  /** Some time after a change: what it has done to the traffic. */
  #tellChange({ streams }: LiveView): void {
    const since = this.#changedAt;
    if (since === undefined) {
      if (this.#cycle - this.#periodStart >= PERIOD_CYCLES) this.#beginPeriod(streams.brokenEver);
      return;
    }
    if (this.#cycle - since < CALM_CYCLES) return;
    const lost = streams.brokenEver - this.#brokenBefore;
    this.#screen.say(
      `            ${this.#screen.paint(lost === 0 ? "green" : "red", `${lost} connections lost`)}, longest gap ${milliseconds(this.#gapMs)}`,
    );
    this.#changedAt = undefined;
    this.#beginPeriod(streams.brokenEver);
  }

  #beginPeriod(brokenEver: number): void {
    this.#periodStart = this.#cycle;
    this.#brokenBefore = brokenEver;
    this.#gapMs = 0;
    this.#stallMs = 0;
  }
}

/** What somebody can change, in a line. */
function situation({ nodes }: LabStatus): string {
  return nodes
    .map(({ name, power, pid, role, cut }) => {
      const state = power === "off" ? "no power" : pid === null ? "no daemon" : (role ?? "starting");
      return `${name}: ${state}${cut.length > 0 ? `, ${cut.join(" ")} cut` : ""}`;
    })
    .join("   ");
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

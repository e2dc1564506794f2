import { activeDownMs, SILENT_INTERVALS } from "./timing.ts";

const NEVER = Number.NEGATIVE_INFINITY;
/** Whether a standby lives is not urgent: a late pulse or two must not take it out of every plan. */
const ALIVE_MS_MIN = 40;

/** One path from a peer to this node: a pulse path, or a face, or both. */
class HeardPath {
  readonly name: string;
  lastHeardMs = NEVER;
  lastPulseMs = NEVER;
  aliveUntilMs = NEVER;
  activeUntilMs = NEVER;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * What each path from a peer has carried, and until when each one still speaks for the peer. A path is silent when it has
 * missed three of what it carries: pulses where they pass, advertisements where only these do, each at its own interval.
 */
export class HeardPaths {
  readonly #paths: readonly HeardPath[];

  constructor(names: readonly string[]) {
    this.#paths = [...new Set(names)].map((name) => new HeardPath(name));
  }

  heardPulse(nowMs: number, name: string, intervalMs: number, isActive: boolean): void {
    const path = this.#path(name);
    if (path === undefined) return;
    path.lastPulseMs = nowMs;
    heard(path, nowMs, intervalMs, isActive);
  }

  heardAdvertisement(
    nowMs: number,
    name: string,
    interval: { readonly advertisementMs: number; readonly pulseMs: number },
    isActive: boolean,
  ): void {
    const path = this.#path(name);
    if (path === undefined) return;
    const pulsesPass = nowMs - path.lastPulseMs < SILENT_INTERVALS * interval.pulseMs;
    heard(path, nowMs, pulsesPass ? interval.pulseMs : interval.advertisementMs, isActive);
  }

  /** Whatever was heard, the peer is not active any more. */
  forgetActive(): void {
    for (const path of this.#paths) path.activeUntilMs = NEVER;
  }

  /** When the last path falls silent, if nothing more is heard: an active is dead then. */
  get activeUntilMs(): number {
    let untilMs = NEVER;
    for (const path of this.#paths) untilMs = Math.max(untilMs, path.activeUntilMs);
    return untilMs;
  }

  /** The same for any sign of life, reckoned with the longest skew. */
  get aliveUntilMs(): number {
    let untilMs = NEVER;
    for (const path of this.#paths) untilMs = Math.max(untilMs, path.aliveUntilMs);
    return untilMs;
  }

  view(): { readonly name: string; readonly lastHeardMs: number | undefined }[] {
    return this.#paths.map(({ name, lastHeardMs }) => ({
      name,
      lastHeardMs: lastHeardMs === NEVER ? undefined : lastHeardMs,
    }));
  }

  #path(name: string): HeardPath | undefined {
    for (const path of this.#paths) if (path.name === name) return path;
    return undefined;
  }
}

function heard(path: HeardPath, nowMs: number, intervalMs: number, isActive: boolean): void {
  path.lastHeardMs = nowMs;
  path.aliveUntilMs = nowMs + Math.max(activeDownMs(0, intervalMs), ALIVE_MS_MIN);
  // The newest word of a path counts: where pulses begin to pass, silence shows sooner.
  if (isActive) path.activeUntilMs = nowMs + SILENT_INTERVALS * intervalMs;
}

import { PULSE_HEARD_SOMEWHERE } from "../../wire/pulse.ts";
import type { PathView } from "./election-types.ts";
import { activeDownMs, SILENT_INTERVALS } from "./timing.ts";

const NEVER = Number.NEGATIVE_INFINITY;
/** Whether a standby lives is not urgent: a late pulse or two must not take it out of every plan. */
const ALIVE_MS_MIN = 40;

/** One path from a peer to this node: a pulse path, or a face, or both. */
class HeardPath {
  readonly name: string;
  lastHeardMs = NEVER;
  lastPulseMs = NEVER;
  pulsesUntilMs = NEVER;
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
  /** Of the paths, the first so many are those that pulses take: one bit each in `Pulse.heard`. */
  readonly #pulsePaths: number;
  /** On which paths the peer hears this node, as it said last; undefined when that cannot be understood. */
  #told: number | undefined;

  /** @param faces those that carry advertisements, whether pulses take them as well or not */
  constructor(pulsePaths: readonly string[], faces: readonly string[]) {
    this.#paths = [...new Set([...pulsePaths, ...faces])].map((name) => new HeardPath(name));
    this.#pulsePaths = pulsePaths.length;
  }

  /** `Pulse.heard` of the peer's newest pulse, if it means the same paths. */
  told(heard: number | undefined): void {
    this.#told = heard;
  }

  /** The peer says that it hears nothing of this node, on whatever path. */
  get isDeaf(): boolean {
    return this.#told !== undefined && (this.#told & PULSE_HEARD_SOMEWHERE) === 0;
  }

  /** Whether the peer hears this node's pulses on a path, as it said last; undefined where it has said nothing of it. */
  heardByPeer(name: string): boolean | undefined {
    if (this.#told === undefined) return undefined;
    for (let i = 0; i < this.#pulsePaths; i++)
      if (this.#paths[i]?.name === name) return (this.#told & (1 << i)) !== 0;
    return undefined;
  }

  /** What our pulses to the peer say of the paths on which we hear it. */
  heard(nowMs: number): number {
    let heard = 0;
    for (let i = 0; i < this.#paths.length; i++) {
      const path = this.#paths[i];
      if (path === undefined || nowMs >= path.aliveUntilMs) continue;
      heard |= PULSE_HEARD_SOMEWHERE;
      if (nowMs < path.pulsesUntilMs) heard |= 1 << i;
    }
    return heard;
  }

  heardPulse(nowMs: number, name: string, intervalMs: number, isActive: boolean): void {
    const path = this.#path(name);
    if (path === undefined) return;
    path.lastPulseMs = nowMs;
    heard(path, nowMs, intervalMs, isActive);
    path.pulsesUntilMs = path.aliveUntilMs;
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

  /** @param isTold whether what the peer said last is of late */
  view(nowMs: number, isTold: boolean): PathView[] {
    return this.#paths.map(({ name, lastHeardMs, aliveUntilMs }, i) => ({
      name,
      pulses: i < this.#pulsePaths,
      lastHeardMs: lastHeardMs === NEVER ? undefined : lastHeardMs,
      alive: nowMs < aliveUntilMs,
      heardByPeer: isTold ? this.heardByPeer(name) : undefined,
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

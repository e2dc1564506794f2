// All times are in milliseconds. RFC 9568 6.1 counts the same in centiseconds.

/** A path that has missed so many advertisements or pulses is silent (RFC 9568 6.1). */
export const SILENT_INTERVALS = 3;
/** Init listens for this many active-down times before it takes part: long enough to hear any active there is. */
export const INIT_DOWN_TIMES = 3;
/** Whoever shall let others go first (incomplete table, just resigned) does so for this many active-down times. */
export const GRACE_DOWN_TIMES = 3;
/**
 * What a peer sent before it resigned may arrive after its resignation by another path. So soon it can have become
 * active again only because the next one resigned as well; pulses, which come in order, then tell.
 */
export const RESIGNATION_GUARD_INTERVALS = 1;
/** After so long every other node knows from the pulses of one that resigned that it is a standby again. */
export const HUMBLE_INTERVALS = 2;
/** Two actives that hear each other settle it at once. If it lasts longer, they do not hear the same. */
export const CONTEST_DOWN_TIMES = 2;
/** How late a pulse may be on its way, from the active's timer to the standby's, and still be in time. */
const PULSE_JITTER_INTERVALS = 1 / 8;
/** A standby's own pulse may have been due up to an interval after the active's: so it is late by an interval less. */
const STANDBY_LATENESS_INTERVALS = 1;
/** An active that was silent for three of its intervals counts as dead: two of them after the next one was due. */
const ACTIVE_LATENESS_INTERVALS = SILENT_INTERVALS - 1;
/** A standby that is late again and again gives the active time so often: twice, because standstills come in flocks. */
export const TIMES_GIVEN_MAX = 2;
/** A node that listens is not disturbed by less: it is ordinary scheduling. */
const LISTENING_LATENESS_MS_MIN = 20;
/**
 * With a face dead the active serves nobody, but one that comes back finds its connections. So long it waits for that before it hands over to a
 * node that lacks some.
 */
export const DEAD_FACE_MS = 2_000;
/** A foreign router that has not spoken for so many of its intervals has given way, which it does without a word. */
export const FOREIGN_SPEAKS_INTERVALS = 1.25;
/** A handover that failed is tried again after so long at the earliest. */
const STABLE_MS_MIN = 5_000;
/** Links that flap keep a node away for so many active-down times. */
const STABLE_DOWN_TIMES = 10;
/** An active does not hand over for a check sooner after it became that; twice as long each time, up to the limit. */
export const CHECK_HOLD_MS_MIN = 10_000;
export const CHECK_HOLD_MS_MAX = 300_000;
/** How long a planned handover waits for the standby to have everything. */
export const DRAIN_PLANNED_MS = 1_000;
/**
 * The same when a face is dead: every millisecond more is an outage. The changes go out all the same, and reach the
 * standby also when the handover does not wait for its answer: written after 3 to 8 ms on a busy machine (docs/benchmarks.md).
 */
export const DRAIN_HEALTH_MS = 5;
/** After a drain's limit the replicator's answer may still be on its way. */
export const DRAIN_ANSWER_MS = 50;
/** … but not for long when a face is dead. */
export const DRAIN_ANSWER_HEALTH_MS = 2;
/** An active that asserts itself against others sends no more than so many times as often as it does alone. */
export const ASSERTION_RATE_MAX = 4;

/** Skew_Time: the lower the priority, the longer the wait, so that the best is first (RFC 9568 6.1). */
export function skewMs(priority: number, intervalMs: number): number {
  return ((256 - priority) * intervalMs) / 256;
}

/** Active_Down_Interval (RFC 9568 6.1): how long an active must be silent before it counts as dead. */
export function activeDownMs(priority: number, intervalMs: number, skewOfMs = intervalMs): number {
  return SILENT_INTERVALS * intervalMs + skewMs(priority, skewOfMs);
}

/**
 * Woken later than this after its deadline, a node cannot trust what it believes about the others. An active that is less late was
 * not silent long enough to be replaced, and must speak at once, or it will be. If it was late by more, a standby that stood still with it
 * knows that it was late, too: neither may believe that the other one is gone.
 */
export function latenessMs(intervalMs: number, isActive: boolean): number {
  return (isActive ? ACTIVE_LATENESS_INTERVALS : STANDBY_LATENESS_INTERVALS) * intervalMs;
}

/**
 * While it listens for that reason a node is patient with itself, up to the time in which another can have taken over: on a
 * machine that is a little late all the time the active must still get to speak.
 */
export function listeningLatenessMs(intervalMs: number): number {
  return Math.max(SILENT_INTERVALS * intervalMs, LISTENING_LATENESS_MS_MIN);
}

/** Whoever listens for so long hears each active that speaks once in `spokenMs`, also one whose pulse is a little late. */
export function hearingMs(pulseIntervalMs: number, spokenMs: number): number {
  return Math.max((1 + PULSE_JITTER_INTERVALS) * pulseIntervalMs, spokenMs);
}

/** An active that has listened sends its next pulse; two more may be lost, as always. */
export function silenceAfterListeningMs(pulseIntervalMs: number): number {
  return (SILENT_INTERVALS - 1 + PULSE_JITTER_INTERVALS) * pulseIntervalMs;
}

/**
 * Skew among nodes that know each other's rank from pulses. The best standby waits only for a third pulse that is a little
 * late; each further one an interval more, in which it hears that the one before it has taken over.
 */
export function rankSkewMs(betterStandbys: number, pulseIntervalMs: number): number {
  return (betterStandbys + PULSE_JITTER_INTERVALS) * pulseIntervalMs;
}

/** A node has been well for so long before it asks a tocha node to hand over, however short its own delay is. */
export function wellMs(preemptDelayMs: number, priority: number, intervalMs: number): number {
  return Math.max(preemptDelayMs, STABLE_DOWN_TIMES * activeDownMs(priority, intervalMs));
}

export function stableMs(priority: number, intervalMs: number): number {
  return Math.max(STABLE_MS_MIN, STABLE_DOWN_TIMES * activeDownMs(priority, intervalMs));
}

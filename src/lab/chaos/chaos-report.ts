import type { ChaosPromise } from "./chaos-fault.ts";

/** What one fault did. Times in milliseconds. */
export interface ChaosEpisode {
  readonly number: number;
  readonly kind: string;
  readonly says: string;
  readonly promise: ChaosPromise;
  readonly lastsMs: number;
  /** The nodes that took over, in order. */
  readonly takeovers: readonly string[];
  /** The longest time in which no node held all virtual addresses. */
  readonly vacantMs: number;
  /** The longest time that an address stood on two nodes with power. */
  readonly sharedMs: number;
  /** The longest time that two nodes both answered ARP for the LAN's virtual address. */
  readonly answeredByTwoMs: number;
  readonly udpGapMs: number;
  /** What the machine's own lateness may have added to the gap. */
  readonly udpSendGapMs: number;
  /** The longest time that a processor of this machine stood still. */
  readonly machineStallMs: number;
  readonly udpLost: number;
  readonly longestTcpStallMs: number;
  /** Connections lost, and with wrong bytes, in this fault. */
  readonly lost: number;
  readonly corrupted: number;
  /** From the mend until all was well and every standby held every connection; null when that never came. */
  readonly settledMs: number | null;
}

/** Longest times, of all faults together or of those that promise that traffic goes on. */
export interface ChaosLongest {
  readonly vacantMs: number;
  readonly sharedMs: number;
  readonly answeredByTwoMs: number;
  readonly udpGapMs: number;
  readonly longestTcpStallMs: number;
  readonly settledMs: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly intervalMs: number;
  readonly nodes: number;
  readonly connections: number;
  readonly ok: boolean;
  /** Every promise that was not kept, in a sentence. */
  readonly failures: readonly string[];
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  /** Kinds that this kernel cannot make. */
  readonly leftOut: readonly string[];
  readonly takeovers: number;
  /** Faults in which the machine itself stood still for so long that who took over says nothing. */
  readonly movesNotJudged: number;
  readonly longestMachineStallMs: number;
  readonly survived: number;
  readonly lost: number;
  readonly corrupted: number;
  readonly verifiedBytes: number;
  readonly lossReasons: Readonly<Record<string, number>>;
  /** Where somebody could serve all the time. */
  readonly whileServing: ChaosLongest;
  /** Where nobody could, or users were cut off until the fault was mended. */
  readonly untilMended: ChaosLongest;
  readonly episodes: readonly ChaosEpisode[];
}

/** Silence that means dead, a node that was late and waits once more, and announcements: as the simulation promises it. */
const TAKEOVER_INTERVALS = 8;
const TAKEOVER_MS = 25;
/** What a machine may add that has all nodes, both ends and the switches on its processors. */
const MACHINE_MS = 500;
/** The kernel counts the lifetimes of addresses in whole seconds, and ends them up to one later. */
const LIFETIME_MS = 3_500;

/** A node on a processor that stands still for so many intervals is silent for three: it is rightly replaced. */
const STALL_INTERVALS = 2;

/** Whether what the machine did itself explains a takeover. */
export function isStalled({ machineStallMs }: ChaosEpisode, pulseMs: number): boolean {
  return machineStallMs >= STALL_INTERVALS * pulseMs;
}

export function takeoverBoundMs(intervalMs: number): number {
  return TAKEOVER_INTERVALS * intervalMs + TAKEOVER_MS + MACHINE_MS;
}

/** @returns every promise that the fault broke, in a sentence */
export function judge(episode: ChaosEpisode, intervalMs: number, pulseMs = intervalMs): string[] {
  const { promise, takeovers, lost, corrupted, settledMs } = episode;
  // The probe knows how late it was itself, and the witnesses, how late the processors: the machine, then, and not the cluster.
  const boundMs = takeoverBoundMs(intervalMs) + episode.udpSendGapMs + episode.machineStallMs;
  const sharedBoundMs =
    boundMs + { takeover: 0, lifetime: LIFETIME_MS, fault: episode.lastsMs }[promise.shared];
  // Nobody hears a node that is cut off: its hosts see two only from the mend on, until the two have heard each other.
  const answeredBoundMs = promise.shared === "fault" ? boundMs : sharedBoundMs;
  // Where somebody is left who could be active, somebody is, whether or not a user reaches it.
  const isVacancyBound = promise.moves !== "any" || promise.serves;
  const broken = [
    ...(lost > 0 ? [`${lost} connections were lost`] : []),
    ...(corrupted > 0 ? [`${corrupted} connections carried wrong bytes`] : []),
    ...(settledMs === null ? ["not all was well again in time"] : []),
    ...(isMoveRight(promise, takeovers.length) || isStalled(episode, pulseMs)
      ? []
      : [wrongMoves(promise, takeovers)]),
    ...tooLong(isVacancyBound, "no node held all addresses", episode.vacantMs, boundMs),
    ...tooLong(promise.serves, "no probe was answered", episode.udpGapMs, boundMs),
    ...tooLong(true, "an address stood on two nodes", episode.sharedMs, sharedBoundMs),
    ...tooLong(true, "two nodes answered for an address", episode.answeredByTwoMs, answeredBoundMs),
  ];
  return broken.map((text) => `fault ${episode.number}, ${episode.kind} (${episode.says}): ${text}`);
}

function isMoveRight({ moves }: ChaosPromise, count: number): boolean {
  if (moves === "any") return true;
  if (moves === "at most once") return count <= 1;
  return count === (moves === "once" ? 1 : 0);
}

function wrongMoves({ moves }: ChaosPromise, takeovers: readonly string[]): string {
  const happened = takeovers.length === 0 ? "nobody took over" : `${takeovers.join(", then ")} took over`;
  return `${happened}; promised: ${moves === "none" ? "nothing moves" : moves}`;
}

function tooLong(counts: boolean, what: string, ms: number, boundMs: number): string[] {
  return counts && ms > boundMs ? [`${what} for ${ms} ms, more than ${Math.round(boundMs)} ms`] : [];
}

export function longest(episodes: readonly ChaosEpisode[]): ChaosLongest {
  const most = (field: Exclude<keyof ChaosLongest, "settledMs">) =>
    episodes.reduce((max, episode) => Math.max(max, episode[field]), 0);
  return {
    vacantMs: most("vacantMs"),
    sharedMs: most("sharedMs"),
    answeredByTwoMs: most("answeredByTwoMs"),
    udpGapMs: most("udpGapMs"),
    longestTcpStallMs: most("longestTcpStallMs"),
    settledMs: episodes.reduce((max, { settledMs }) => Math.max(max, settledMs ?? 0), 0),
  };
}

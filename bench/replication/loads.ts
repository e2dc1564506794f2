import type { NamedLoad } from "./load-measurement.ts";
import type { Load } from "./traffic/generator.ts";

const steady: Load = {
  tcpPerSecond: 0,
  tcpTotal: null,
  window: 4_096,
  holdMs: 1_000,
  resetEvery: 2,
  shortPerSecond: 0,
  streamsPerSecond: 0,
};

/**
 * The loads at a fixed pace. Connections live for a second; half are closed by FIN, half by RST. `open only` comes last, because
 * its connections stay.
 */
export function pacedLoads(quick: boolean): readonly NamedLoad[] {
  const durationMs = quick ? 3_000 : 10_000;
  const loads: NamedLoad[] = [
    { name: "5,000/s", load: { ...steady, tcpPerSecond: 5_000 }, durationMs },
    { name: "15,000/s", load: { ...steady, tcpPerSecond: 15_000 }, durationMs },
  ];
  if (quick) return loads;
  return [
    ...loads,
    {
      name: "5,000/s and UDP",
      load: { ...steady, tcpPerSecond: 5_000, shortPerSecond: 3_000, streamsPerSecond: 300 },
      durationMs,
    },
    { name: "open only, 5,000/s", load: { ...steady, tcpPerSecond: 5_000, holdMs: null }, durationMs },
  ];
}

/** As many connections as the machine can, with some UDP between. */
export const saturatingLoad: Load = {
  ...steady,
  tcpPerSecond: null,
  window: 1_024,
  shortPerSecond: 2_000,
  streamsPerSecond: 100,
};

/** Before anything is measured: programs get compiled, memory gets allocated. A gateway works for months, not for seconds. */
export const warmUp: NamedLoad = {
  name: "warm-up",
  load: { ...steady, tcpPerSecond: 5_000, shortPerSecond: 1_000, streamsPerSecond: 100 },
  durationMs: 12_000,
};

/** What goes on while a node rejoins. */
export const rejoinLoad: Load = { ...steady, tcpPerSecond: 5_000 };

/** Fills the table, without closing anything. */
export function fillingLoad(flows: number): Load {
  return { ...steady, tcpPerSecond: null, tcpTotal: flows, window: 512, holdMs: null };
}

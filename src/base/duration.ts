const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Reads `10ms`, `1.5s`, `5m`, `1h` as milliseconds; a number without a unit is undefined. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * millisecondsPer[match[2] as keyof typeof millisecondsPer];
}

/** `12ms`, `1.5s`, `2m 5s`, `3h 20m`: at most two units, for people. */
export function formatDurationMs(durationMs: number): string {
  // The rounded number decides the unit: 59.98 s are a minute, not "60s".
  if (round(durationMs) < 1_000) return `${round(durationMs)}ms`;
  if (round(durationMs / 1_000) < 60) return `${round(durationMs / 1_000)}s`;
  const seconds = Math.round(durationMs / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Consecutive ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const PORT_MAX = 65_535;

/** Reads `80` or `8000-8080`; anything else is undefined. */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first >= 1 && first <= last && last <= PORT_MAX ? { first, last } : undefined;
}

export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** The same ports in as few ranges as possible, in order. */
export function mergePortRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && range.first <= before.last + 1)
      before.last = Math.max(before.last, range.last);
    else merged.push({ ...range });
  }
  return merged;
}

/** Whether every port of `inner` is in `outer`, a merged list. */
export function portsContain(outer: readonly PortRange[], inner: readonly PortRange[]): boolean {
  return inner.every((one) => outer.some(({ first, last }) => first <= one.first && one.last <= last));
}

export const everyPort: readonly PortRange[] = [{ first: 1, last: PORT_MAX }];

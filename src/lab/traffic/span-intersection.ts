/** A time from one moment to a later one. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The times that are in a span of every list. */
export function spanIntersection(lists: readonly (readonly Span[])[]): readonly Span[] {
  return lists.reduce((common, spans) =>
    common.flatMap((one) =>
      spans
        .map((other) => ({
          fromMs: Math.max(one.fromMs, other.fromMs),
          toMs: Math.min(one.toMs, other.toMs),
        }))
        .filter(({ fromMs, toMs }) => fromMs < toMs),
    ),
  );
}

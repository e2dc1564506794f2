/** 1,234,567 */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** 987, 12.3k, 4.5M: for narrow columns. */
export function short(count: number): string {
  if (count < 10_000) return grouped(count);
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)}k`;
  if (count < 1_000_000_000) return `${(count / 1_000_000).toFixed(1)}M`;
  return `${(count / 1_000_000_000).toFixed(1)}G`;
}

/** A part of a whole as 12.3%; small ones are not 0.0%. */
export function share(part: number, whole: number): string {
  if (whole === 0) return "-";
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 0.1 ? "<0.1%" : `${percent.toFixed(1)}%`;
}

/** `1 connection`, `2 connections`; a word that makes its plural in another way is given with it. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${grouped(count)} ${count === 1 ? word : plural}`;
}

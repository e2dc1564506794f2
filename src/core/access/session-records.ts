import { type FirstCodeRecord, SESSIONS_MAX, type SessionRecord } from "../../contract/access-records.ts";

/**
 * Puts together what two nodes know of the sessions, in any order: a session that one of them has closed is closed. There is a
 * bound; those that end first are left out, which all nodes do alike.
 *
 * @returns the sessions, the one that ends last first
 */
export function mergeSessions(
  one: readonly SessionRecord[],
  other: readonly SessionRecord[],
  max: number = SESSIONS_MAX,
): SessionRecord[] {
  const merged = new Map<string, SessionRecord>();
  for (const session of [...one, ...other]) {
    const known = merged.get(session.digest);
    merged.set(session.digest, known === undefined ? session : mergeSession(known, session));
  }
  return [...merged.values()].sort(endsLater).slice(0, max);
}

/** The code that was given or used last; of two with one number, the used one. */
export function mergeFirstCode(
  one: FirstCodeRecord | undefined,
  other: FirstCodeRecord | undefined,
): FirstCodeRecord | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.number !== other.number) return one.number > other.number ? one : other;
  const text = ({ digest, untilMs }: FirstCodeRecord) => `${digest ?? ""} ${untilMs}`;
  return text(one) <= text(other) ? one : other;
}

function mergeSession(one: SessionRecord, other: SessionRecord): SessionRecord {
  const text = ({ name, life, passwordChange, untilMs }: SessionRecord) =>
    JSON.stringify([name, life, passwordChange, untilMs]);
  // The digest of a random token: only a node that errs says something else of it.
  const kept = text(one) <= text(other) ? one : other;
  return { ...kept, closed: one.closed || other.closed };
}

function endsLater(one: SessionRecord, other: SessionRecord): number {
  if (one.untilMs !== other.untilMs) return other.untilMs - one.untilMs;
  return one.digest < other.digest ? -1 : 1;
}

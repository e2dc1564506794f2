import type { TokenRecord, UserPart, UserRecord } from "../../contract/access-records.ts";
import { type UserRole, userRoles } from "../../contract/operation.ts";

/**
 * Puts together what two nodes know of the users. In whatever order and how often this is done, the result is the same on all
 * nodes (docs/protocol/users.md): the longer life counts, so that a removal wins over every change of the same life; in one life
 * the password that was set more often, all tokens but those that one of them has removed, and of what differs without an order
 * between them whatever allows less.
 *
 * @returns the records in the order of their names
 */
export function mergeUsers(one: readonly UserRecord[], other: readonly UserRecord[]): UserRecord[] {
  const merged = new Map(one.map((record) => [record.name, record]));
  for (const record of other) {
    const known = merged.get(record.name);
    merged.set(record.name, known === undefined ? record : mergeUser(known, record));
  }
  return [...merged.values()].sort((a, b) => compare(a.name, b.name));
}

export function mergeUser(one: UserRecord, other: UserRecord): UserRecord {
  if (one.life !== other.life) return one.life > other.life ? one : other;
  if (one.user === null || other.user === null) return one;
  return { ...one, user: mergeParts(one.user, other.user) };
}

/** A further life of the name; where there is a user of that name, it is another one from now on. */
export function userAdded(known: UserRecord | undefined, name: string, user: UserPart): UserRecord {
  const free = known === undefined || known.user === null ? known : userRemoved(known);
  return { name, life: (free?.life ?? 0) + 1, user };
}

export function userRemoved({ name, life }: UserRecord): UserRecord {
  return { name, life: life + 1, user: null };
}

export function passwordSet(user: UserPart, password: string): UserPart {
  return { ...user, password, passwordChange: user.passwordChange + 1 };
}

export function tokenAdded(user: UserPart, token: TokenRecord): UserPart {
  return { ...user, tokens: byId([...user.tokens, token]) };
}

export function tokenRemoved(user: UserPart, id: string): UserPart {
  return {
    ...user,
    tokens: user.tokens.filter((token) => token.id !== id),
    removedTokens: inOrder([...user.removedTokens, id]),
  };
}

export function lesserRole(one: UserRole, other: UserRole): UserRole {
  return userRoles.indexOf(one) <= userRoles.indexOf(other) ? one : other;
}

function mergeParts(one: UserPart, other: UserPart): UserPart {
  const removedTokens = inOrder([...one.removedTokens, ...other.removedTokens]);
  const removed = new Set(removedTokens);
  const tokens = new Map<string, TokenRecord>();
  for (const token of [...one.tokens, ...other.tokens]) {
    if (removed.has(token.id)) continue;
    const known = tokens.get(token.id);
    tokens.set(token.id, known === undefined ? token : lesserText(known, token));
  }
  return {
    role: lesserRole(one.role, other.role),
    created: compare(one.created, other.created) <= 0 ? one.created : other.created,
    ...laterPassword(one, other),
    ...{ tokens: byId([...tokens.values()]), removedTokens },
  };
}

function laterPassword(one: UserPart, other: UserPart): Pick<UserPart, "password" | "passwordChange"> {
  const { password, passwordChange } =
    one.passwordChange === other.passwordChange
      ? // None at all lets in less than any.
        compare(one.password ?? "", other.password ?? "") <= 0
        ? one
        : other
      : one.passwordChange > other.passwordChange
        ? one
        : other;
  return { password, passwordChange };
}

/** An id is random: two tokens of one do not happen. Still, all nodes must choose the same. */
function lesserText(one: TokenRecord, other: TokenRecord): TokenRecord {
  const text = ({ digest, role, expires, label, created }: TokenRecord) =>
    JSON.stringify([digest, role, expires, label, created]);
  return compare(text(one), text(other)) <= 0 ? one : other;
}

function byId(tokens: readonly TokenRecord[]): TokenRecord[] {
  return tokens.toSorted((a, b) => compare(a.id, b.id));
}

function inOrder(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort(compare);
}

/** By code units: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

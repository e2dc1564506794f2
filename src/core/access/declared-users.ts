import type { UserPart } from "../../contract/access-records.ts";
import type { UserRole } from "../../contract/operation.ts";
import type { DeclaredUsers } from "../../contract/users-schema.ts";

/** A user that there is, and the life of the name: 0 for one whom only the document knows. */
export interface KeptUser extends UserPart {
  readonly name: string;
  readonly life: number;
}

/** What plans must know of whom the nodes keep: who could come in, and as what, if the document named no users. */
export interface KnownUser {
  readonly name: string;
  readonly role: UserRole;
  /** There is a password, or a token. */
  readonly hasWayIn: boolean;
}

/**
 * A user of whom nodes keep nothing yet. The role counts only where the document no longer names users: nobody on the nodes has given
 * one, so it is the least.
 */
export const newUser = {
  ...{ role: "viewer", created: "", password: null, passwordChange: 1, tokens: [], removedTokens: [] },
} as const satisfies UserPart;

/**
 * The users who may come in. Where the document names users, these are all, with the roles that stand there; passwords and tokens are
 * those that the nodes keep, also of a user who was not named for a while.
 */
export function admittedUsers(kept: readonly KeptUser[], declared: DeclaredUsers): readonly KeptUser[] {
  if (declared === undefined) return kept;
  const known = new Map(kept.map((user) => [user.name, user]));
  return Object.entries(declared)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { role }]) => ({ ...(known.get(name) ?? { ...newUser, life: 0 }), name, role }));
}

export function knownUser({ name, role, password, tokens }: KeptUser): KnownUser {
  return { name, role, hasWayIn: password !== null || tokens.length > 0 };
}

/** Whether somebody could come in as that user, and do what an admin may. */
export function canBeAdmin({ role, password, tokens }: UserPart, nowMs: number): boolean {
  if (role !== "admin") return false;
  return (
    password !== null ||
    tokens.some((token) => {
      const isOver = token.expires !== null && Date.parse(token.expires) <= nowMs;
      return token.role === "admin" && !isOver;
    })
  );
}

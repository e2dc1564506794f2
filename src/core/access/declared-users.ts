import type { UserPart } from "../../contract/access-records.ts";
import type { DeclaredUsers } from "../../contract/users-schema.ts";

/** A user that there is, and the life of the name: 0 for one whom only the document knows. */
export interface KeptUser extends UserPart {
  readonly name: string;
  readonly life: number;
}

/** Whom only the document knows: there is nothing to come in with. */
const empty = {
  ...{ life: 0, created: "", password: null, passwordChange: 0, tokens: [], removedTokens: [] },
} as const satisfies Omit<KeptUser, "name" | "role">;

/**
 * The users that there are. Where the document names users, these are all, with the roles that stand there; passwords and tokens are
 * those that the nodes keep, also of a user who was not named for a while.
 */
export function asDeclared(kept: readonly KeptUser[], declared: DeclaredUsers): readonly KeptUser[] {
  if (declared === undefined) return kept;
  const known = new Map(kept.map((user) => [user.name, user]));
  return Object.entries(declared)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { role }]) => ({ ...(known.get(name) ?? empty), name, role }));
}

/** Whether somebody can come in as that user. */
export function hasWayIn({ password, tokens }: UserPart): boolean {
  return password !== null || tokens.length > 0;
}

import type { Problem } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { UserRole } from "../../contract/operation.ts";
import type { KnownUser } from "../access/declared-users.ts";
import { listText } from "./change-words.ts";

export interface UserHazardOptions {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  readonly caller: CallerWay | undefined;
  readonly knownUsers: readonly KnownUser[];
}

/** Who would lose the right to confirm the change, and who would come in again. */
export function userHazards(options: UserHazardOptions): { refusals: Problem[]; warnings: Problem[] } {
  return { refusals: lostRight(options), warnings: comingBack(options) };
}

/** What somebody may do by a document; undefined: does not come in. */
function roleIn({ users }: ClusterDocument, name: string, known: readonly KnownUser[]): UserRole | undefined {
  return users === undefined ? known.find((user) => user.name === name)?.role : users[name]?.role;
}

/** Only an admin may confirm a change, or take it back. */
function lostRight({ before, after, caller, knownUsers }: UserHazardOptions): Problem[] {
  const user = caller?.user;
  // Without users before and after nothing of the document counts.
  if (user === undefined || user.role !== "admin" || (before.users ?? after.users) === undefined) return [];
  const role = roleIn(after, user.name, knownUsers);
  if (role === "admin") return [];
  const would = role === undefined ? "would no longer come in" : `would only be ${role}`;
  return [
    {
      ...{ code: "plan-cuts-user", path: after.users === undefined ? "users" : `users.${user.name}` },
      message: `${user.name}, who asks this, ${would}: only an admin can confirm it`,
      hint: "Let another admin ask, or root at the console of a node. A change that is not confirmed is taken back.",
    },
  ];
}

/** Whom the nodes still keep a password or tokens of. */
function comingBack({ before, after, knownUsers }: UserHazardOptions): Problem[] {
  if (before.users === undefined) return [];
  const back = knownUsers.flatMap(({ name, hasWayIn }) => {
    const role = roleIn(after, name, knownUsers);
    if (!hasWayIn || role === undefined || Object.hasOwn(before.users ?? {}, name)) return [];
    return [`${name} (${role})`];
  });
  if (back.length === 0) return [];
  const [verb, whose] = back.length === 1 ? ["comes", "that user"] : ["come", "them"];
  return [
    {
      ...{ code: "plan-users-return", path: "users" },
      message: `${listText(back)} ${verb} in again, with the passwords and tokens of before: the nodes have kept what they know of ${whose}`,
      hint: "Who shall not: tocha user remove NAME, before this is applied.",
    },
  ];
}

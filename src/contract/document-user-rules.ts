import type { Finding } from "./finding.ts";
import { valueAt } from "./understood.ts";
import { declaredUsers } from "./users-schema.ts";

/** Users of whom none may change anything. */
export function userNotices(root: unknown): Finding[] {
  const { data } = declaredUsers.safeParse(valueAt(root, ["users"]));
  if (data === undefined || Object.values(data).some(({ role }) => role === "admin")) return [];
  return [
    {
      ...({ code: "no-admin", path: ["users"], on: "key" } as const),
      message: "none of the users is an admin: only root on a node can change the document, or let others in",
      hint: "Make one of them an admin, such as: ana: { role: admin }.",
    },
  ];
}

import * as z from "zod";
import { clip, refuse, scalarKinds } from "./document-scalars.ts";
import { userRoles } from "./operation.ts";
import { userNamePattern } from "./users.ts";

/** Users of a cluster. */
export const USERS_MAX = 1_000;

const declaredName = z
  .string()
  .superRefine((text, context) => {
    if (userNamePattern.test(text)) return;
    refuse(context, `"${clip(text)}" is not a name for a user`, {
      code: "bad-name",
      hint: "A name has small letters, digits, and . _ - after a letter, and at most 32 characters.",
    });
  })
  .meta({ pattern: userNamePattern.source });
scalarKinds.add(declaredName, { kind: "name" });

const declaredUser = z
  .strictObject({
    role: z.enum(userRoles).meta({
      description:
        "What the user may do: `viewer` sees, `operator` also hands over, sets nodes aside and has plans worked out, `admin` may do everything.",
    }),
  })
  .meta({ description: "One user." });

/** `users:` of the document: who may come in, and what they may do. Passwords and tokens are never in it. */
export const declaredUsers = z
  .record(declaredName, declaredUser)
  .superRefine((users, context) => {
    const count = Object.keys(users).length;
    if (count <= USERS_MAX) return;
    context.addIssue({
      code: "custom",
      path: [],
      message: `there are ${count} users`,
      params: { code: "too-many-users", hint: `At most ${USERS_MAX}.` },
    });
  })
  .optional()
  .meta({
    description:
      "The users of the API by name. Where this key is, nobody else comes in, and roles are those that stand here; passwords and tokens are given with `tocha user`. Without it users are added with `tocha user add`.",
  });

export type DeclaredUsers = z.output<typeof declaredUsers>;

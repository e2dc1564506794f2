import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ProblemError } from "../../base/problem.ts";
import { userRoles } from "../../contract/operation.ts";
import { writeDurably } from "./durable-file.ts";

const keptTokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  /** SHA-256 of the token, hexadecimal. The token itself is 256 random bits, so that no slow hash is needed. */
  digest: z.string(),
  role: z.enum(userRoles),
  created: z.string(),
  expires: z.string().nullable(),
});

const keptUserSchema = z.object({
  name: z.string(),
  role: z.enum(userRoles),
  created: z.string(),
  /** As of password-hash.ts; null: only tokens. */
  password: z.string().nullable(),
  tokens: z.array(keptTokenSchema),
});

const keptUsersSchema = z.object({ users: z.array(keptUserSchema) });

export type KeptToken = z.output<typeof keptTokenSchema>;
export type KeptUser = z.output<typeof keptUserSchema>;

/** Where the users are kept. */
export interface UserStore {
  /** @throws ProblemError when they cannot be read: then nobody is let in, and nothing is written over them */
  read(): readonly KeptUser[];
  write(users: readonly KeptUser[]): void;
  /** Another one after every change. */
  version(): string;
}

/** users.json in the state folder, for root alone. */
export class UserFile implements UserStore {
  readonly #path: string;
  #known: { readonly text: string; readonly users: readonly KeptUser[] } | undefined;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, "users.json");
  }

  read(): readonly KeptUser[] {
    return this.#load().users;
  }

  write(users: readonly KeptUser[]): void {
    const text = `${JSON.stringify({ users }, null, 2)}\n`;
    writeDurably(this.#path, text);
    this.#known = { text, users };
  }

  version(): string {
    return createHash("sha256").update(this.#load().text).digest("hex").slice(0, 16);
  }

  #load(): { readonly text: string; readonly users: readonly KeptUser[] } {
    this.#known ??= this.#readFile();
    return this.#known;
  }

  #readFile(): { readonly text: string; readonly users: readonly KeptUser[] } {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT")
        return { text: "", users: [] };
      throw unreadable(this.#path, error);
    }
    try {
      return { text, users: keptUsersSchema.parse(JSON.parse(text)).users };
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }
}

function unreadable(path: string, error: unknown): ProblemError {
  const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return new ProblemError({
    code: "users-unreadable",
    message: `${path} cannot be read: ${reason}`,
    hint: "Bring the file back from a copy, or move it away and begin with tocha user first-code.",
  });
}

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ProblemError } from "../../base/problem.ts";
import { type UserRecord, userRecordSchema } from "../../contract/access-records.ts";
import type { DeclaredUsers } from "../../contract/users-schema.ts";
import { admittedUsers, type KeptUser } from "../../core/access/declared-users.ts";
import { mergeUsers } from "../../core/access/user-records.ts";
import { writeDurably } from "./durable-file.ts";

const fileSchema = z.object({ users: z.array(userRecordSchema) });

/** Where the users are kept. */
export interface UserStore {
  /** The users who may come in, with the roles that count. @throws ProblemError when they cannot be read: then nobody is let in, and nothing is written over them */
  read(): readonly KeptUser[];
  /** The users that the nodes keep, whether the document names them or not, with the roles that they were given there. */
  kept(): readonly KeptUser[];
  /** Those that the document names; undefined where it leaves that to the nodes. */
  declared(): DeclaredUsers;
  /** Also of the removed ones, and of those that the document does not name; in the order of their names. */
  records(): readonly UserRecord[];
  /** Puts the records of a change, or of another node, together with those that there are. */
  merge(records: readonly UserRecord[]): void;
  /** Another one after every change, and the same on all nodes that have the same users. */
  version(): string;
}

interface Known {
  readonly text: string;
  readonly records: readonly UserRecord[];
  readonly users: readonly KeptUser[];
}

/** users.json in the state folder, for root alone. */
export class UserFile implements UserStore {
  readonly #path: string;
  readonly declared: () => DeclaredUsers;
  #known: Known | undefined;

  /** @param declared the users that the document names, as it applies now */
  constructor(stateDirectory: string, declared: () => DeclaredUsers = () => undefined) {
    this.#path = join(stateDirectory, "users.json");
    this.declared = declared;
  }

  read(): readonly KeptUser[] {
    return admittedUsers(this.#load().users, this.declared());
  }

  kept(): readonly KeptUser[] {
    return this.#load().users;
  }

  records(): readonly UserRecord[] {
    return this.#load().records;
  }

  merge(records: readonly UserRecord[]): void {
    const before = this.#load();
    const merged = mergeUsers(before.records, records);
    // What outgrows the bounds could not be read again.
    const after = known(textOf(fileSchema.parse({ users: merged }).users));
    if (after.text === before.text) return;
    writeDurably(this.#path, after.text);
    this.#known = after;
  }

  version(): string {
    return createHash("sha256").update(this.#load().text).digest("hex").slice(0, 16);
  }

  #load(): Known {
    this.#known ??= this.#readFile();
    return this.#known;
  }

  #readFile(): Known {
    try {
      return known(readFileSync(this.#path, "utf8"));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return known(textOf([]));
      throw unreadable(this.#path, error);
    }
  }
}

function textOf(users: readonly UserRecord[]): string {
  return `${JSON.stringify({ users }, null, 2)}\n`;
}

function known(text: string): Known {
  const records = fileSchema.parse(JSON.parse(text)).users;
  const users = records.flatMap(({ name, life, user }) => (user === null ? [] : [{ name, life, ...user }]));
  return { text, records, users };
}

function unreadable(path: string, error: unknown): ProblemError {
  const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return new ProblemError({
    code: "users-unreadable",
    message: `${path} cannot be read: ${reason}`,
    hint: "Move the file away: the node takes the users of the other nodes. Without them, bring it back from a copy.",
  });
}

import { createHash } from "node:crypto";
import { ProblemError } from "../base/problem.ts";
import { type RevisionEntry, revisionInfoSchema } from "../contract/config-revision.ts";

/** How a revision becomes a commit: of its entry alone, so that all nodes have the same ones (docs/protocol/config.md). */

export const DOCUMENT_FILE = "cluster.yaml";
export const ENTRY_FILE = "entry.json";
const FORMAT = 1;

export type RevisionInfo = Omit<RevisionEntry, "text">;

/** In this order on every node, whatever order the values came in. */
export function entryText({ number, parent, author, at, message, plan }: RevisionInfo): string {
  return `${JSON.stringify({ format: FORMAT, number, parent, author, at, message, plan })}\n`;
}

export function readInfo(text: string, id: string): RevisionInfo {
  try {
    const { format: _format, ...info } = JSON.parse(text) as Record<string, unknown>;
    return revisionInfoSchema.parse(info);
  } catch {
    throw new ProblemError({
      code: "history-broken",
      message: `revision ${id} has no entry that this version understands`,
      hint: "A newer version may have written it: compare versions with `tocha version` on all nodes.",
    });
  }
}

export function commitMessage({ number, message, plan }: RevisionInfo): string {
  const title = message.trim() === "" ? `Revision ${number}` : message.trim();
  const body = plan.length === 0 ? "" : `\n${plan.map((line) => `- ${line}\n`).join("")}`;
  return `${title}\n${body}\nTocha-Revision: ${number}\n`;
}

/** Author and committer: name, address, and the time as git writes it. */
export function commitPerson({ author, at }: RevisionInfo) {
  return { name: gitName(author), address: "tocha@localhost", date: `${Date.parse(at) / 1_000} +0000` };
}

/** git drops some characters of a name by itself; what is left here it takes as it is. */
function gitName(author: string): string {
  const name = author.replace(/[^A-Za-z0-9@_-]+/g, "-").replace(/^-+|-+$/g, "");
  return name === "" ? "unknown" : name;
}

/** The id that git gives to the commit of a revision: worked out here, without git, to compare with. */
export function commitIdOf({ text, ...info }: RevisionEntry): string {
  const files = [
    { name: DOCUMENT_FILE, digest: objectDigest("blob", Buffer.from(text)) },
    { name: ENTRY_FILE, digest: objectDigest("blob", Buffer.from(entryText(info))) },
  ];
  const tree = Buffer.concat(files.flatMap(({ name, digest }) => [Buffer.from(`100644 ${name}\0`), digest]));
  const { name, address, date } = commitPerson(info);
  const person = `${name} <${address}> ${date}`;
  const lines = [
    `tree ${objectDigest("tree", tree).toString("hex")}`,
    ...(info.parent === null ? [] : [`parent ${info.parent}`]),
    ...[`author ${person}`, `committer ${person}`, "", commitMessage(info)],
  ];
  return objectDigest("commit", Buffer.from(lines.join("\n"))).toString("hex");
}

/** A git object's name: SHA-1 of its kind, its length and its bytes (gitformat-loose: `KIND LENGTH\0CONTENT`). */
function objectDigest(kind: string, content: Buffer): Buffer {
  return createHash("sha1").update(`${kind} ${content.length}\0`).update(content).digest();
}

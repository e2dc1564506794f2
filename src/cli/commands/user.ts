import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { Audit } from "../../contract/audit.ts";
import type { UserRole } from "../../contract/operation.ts";
import type { UserList } from "../../contract/users.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { readNewPassword } from "../read-password.ts";
import { tableLines } from "../table.ts";
import { paperOf } from "../terminal.ts";

interface OutputOptions extends NodeWish {
  readonly output: string;
}

interface PasswordOptions extends OutputOptions {
  readonly passwordFile?: string;
}

export async function firstCode({ output, ...wish }: OutputOptions): Promise<ExitStatus> {
  const answer = await (await clientFor(wish)).ask("users.first-code");
  const text =
    `${answer.code}\n\nThe first admin exchanges it for a password, until ${answer.expires}:\n` +
    `  curl --cacert ca.crt https://NODE:7847/v1/session/first -H 'content-type: application/json' \\\n` +
    `    -d '{"code": "${answer.code}", "name": "NAME", "password": "PASSWORD"}'\n`;
  return write(output, answer, text);
}

export async function listUsers({ output, ...wish }: OutputOptions): Promise<ExitStatus> {
  const answer = await (await clientFor(wish)).ask("users.list");
  return write(output, answer, userListText(answer));
}

export async function addUser(
  name: string,
  {
    role,
    password: wantsPassword,
    passwordFile,
    output,
    ...wish
  }: PasswordOptions & { readonly role: UserRole; readonly password: boolean },
): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const password = wantsPassword ? { password: await readNewPassword(passwordFile) } : {};
  const answer = await client.ask("users.add", { body: { name, role, ...password } });
  tellMissing(answer.missing);
  return write(output, answer, ok(`${name} is ${role} now.`));
}

export async function removeUser(name: string, { output, ...wish }: OutputOptions): Promise<ExitStatus> {
  const answer = await (await clientFor(wish)).ask("users.remove", { parameters: { name } });
  tellMissing(answer.missing);
  return write(output, answer, ok(`${name} is gone, with all tokens and sessions.`));
}

export async function setPassword(
  name: string,
  { passwordFile, output, ...wish }: PasswordOptions,
): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const body = { password: await readNewPassword(passwordFile) };
  const answer = await client.ask("users.password", { parameters: { name }, body });
  tellMissing(answer.missing);
  return write(output, answer, ok(`${name} has a new password; all sessions of ${name} have ended.`));
}

export async function addToken(
  name: string,
  {
    label,
    role,
    days,
    output,
    ...wish
  }: OutputOptions & { readonly label?: string; readonly role?: UserRole; readonly days?: string },
): Promise<ExitStatus> {
  const body = {
    ...(label === undefined ? {} : { label }),
    ...(role === undefined ? {} : { role }),
    ...(days === undefined ? {} : { days: wholeNumber("--days", days) }),
  };
  const answer = await (await clientFor(wish)).ask("tokens.add", { parameters: { name }, body });
  tellMissing(answer.missing);
  // The token alone, so that it can go into a file.
  return write(output, answer, `${answer.token}\n`);
}

export async function removeToken(
  name: string,
  id: string,
  { output, ...wish }: OutputOptions,
): Promise<ExitStatus> {
  const answer = await (await clientFor(wish)).ask("tokens.remove", { parameters: { name, id } });
  tellMissing(answer.missing);
  return write(output, answer, ok(`the token ${id} of ${name} is not valid any more.`));
}

export async function audit({
  limit,
  output,
  ...wish
}: OutputOptions & { readonly limit?: string }): Promise<ExitStatus> {
  const query = new URLSearchParams(
    limit === undefined ? {} : { limit: String(wholeNumber("--limit", limit)) },
  );
  const answer = await (await clientFor(wish)).ask("audit.list", { query });
  return write(output, answer, auditText(answer));
}

const standingText = {
  added: "",
  declared: "named in the document",
  "kept-out": "not in the document: kept out",
} as const satisfies Record<UserList["users"][number]["standing"], string>;

function userListText({ users }: UserList): string {
  if (users.length === 0) return "There are no users. The first admin comes by: tocha user first-code\n";
  const rows = users.flatMap(({ name, role, standing, hasPassword, tokens }) => [
    [name, role, hasPassword ? "password" : "no password", standingText[standing]],
    ...tokens.map((token) => [
      "",
      token.role,
      `token ${token.id}${token.label === "" ? "" : ` (${token.label})`}`,
      `${token.expires === null ? "does not end" : `until ${token.expires}`}, ${token.lastUsed === null ? "not used since the daemon started" : `used ${token.lastUsed}`}`,
    ]),
  ]);
  return table([["USER", "ROLE", "BY", ""], ...rows]);
}

function auditText({ entries }: Audit): string {
  if (entries.length === 0) return "Nothing was changed yet.\n";
  const rows = entries.map(({ at, who, via, from, operation, result, what }) => [
    at,
    from === null ? `${who} (${via})` : `${who} (${from})`,
    operation,
    result,
    Object.entries(what)
      .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" "),
  ]);
  return table([["AT", "WHO", "OPERATION", "RESULT", "WHAT"], ...rows]);
}

/** What strangers typed is shown, too: it must not control the terminal. */
function table([titles = [], ...rows]: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text) => [text.replace(/\p{C}/gu, "?")]));
  const columns = titles.map((title) => ({ title }));
  return tableLines(columns, cells)
    .map((line) => `${line}\n`)
    .join("");
}

function wholeNumber(option: string, text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new ProblemError({ code: "bad-usage", message: `${option} ${text} is not a whole number from 1 on` });
}

/** Beside the answer, which may go into a file. */
function tellMissing(nodes: readonly string[]): void {
  if (nodes.length === 0) return;
  const hint = "each of them takes it from the others when it is back";
  process.stderr.write(`warning: not on ${nodes.join(", ")} yet: ${hint}.\n`);
}

function ok(text: string): string {
  return `${paperOf(process.stdout).paint("green", "ok")}  ${text}\n`;
}

function write(output: string, answer: unknown, text: string): ExitStatus {
  process.stdout.write(output === "json" ? `${JSON.stringify(answer, null, 2)}\n` : text);
  return exitStatus.ok;
}

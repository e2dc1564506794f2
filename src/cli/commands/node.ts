import { author } from "../../client/author.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";

export interface NodeOptions extends NodeWish {
  readonly output: string;
}

export interface StandbyOptions extends NodeOptions {
  readonly reason: string;
  readonly force?: boolean;
}

/** Sets a node aside and says who is active then. */
export async function nodeStandby(
  name: string,
  { reason, force = false, output, ...wish }: StandbyOptions,
): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const answer = await whileWaiting(
    `${name} hands over`,
    client.standby({ node: name, reason, by: author(), force }),
  );
  if (output === "json") {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return exitStatus.ok;
  }
  const ok = paperOf(process.stdout).paint("green", "ok");
  const held = answer.groups.filter(({ activeNode }) => activeNode === name);
  const places = answer.groups.map(({ name: group, activeNode }) => `${group} on ${activeNode ?? "nobody"}`);
  process.stdout.write(
    held.length === 0
      ? `${ok}  ${name} is set aside. Active: ${places.join(", ")}.\n`
      : `${ok}  ${name} is set aside, but goes on serving ${held.map((one) => one.name).join(" and ")}: nobody else can.\n` +
          "    It hands over as soon as another node is ready.\n",
  );
  return exitStatus.ok;
}

/** Takes a node back. */
export async function nodeResume(name: string, { output, ...wish }: NodeOptions): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const answer = await client.resume({ node: name, by: author() });
  const { by, reason, since } = answer.maintenance;
  process.stdout.write(
    output === "json"
      ? `${JSON.stringify(answer)}\n`
      : `${paperOf(process.stdout).paint("green", "ok")}  ${name} takes part again. It was set aside since ${since} by ${by}: ${reason}\n`,
  );
  return exitStatus.ok;
}

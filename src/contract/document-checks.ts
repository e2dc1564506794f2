import * as z from "zod";
import { duration, hostAddress, nameOf, optionalDuration } from "./document-scalars.ts";

/** The checks of a failover group: what a node finds out about itself and its surroundings. */

export const checkKinds = ["interface", "ping", "arp", "script", "replication"] as const;
export type CheckKind = (typeof checkKinds)[number];

/** What only some kinds have; each of them needs what it has. */
export const keysOfKind: Readonly<Record<CheckKind, readonly ("interface" | "target" | "command")[]>> = {
  interface: ["interface"],
  ping: ["interface", "target"],
  arp: ["interface", "target"],
  script: ["command"],
  replication: [],
};

/** More are no picture of a node's health any more. */
export const CHECKS_MAX = 32;

const results = (byDefault: number, description: string) =>
  z
    .int()
    .min(1)
    .max(100)
    .default(byDefault)
    .meta({ description: `${description} Default ${byDefault}.` });

export const groupCheck = z
  .strictObject({
    kind: z.enum(checkKinds).meta({
      description:
        "interface: its device is up; ping: the target answers ICMP; arp: the target answers ARP or a neighbour solicitation; script: a program ends with status 0; replication: the connections are mirrored.",
    }),
    interface: nameOf("an interface")
      .optional()
      .meta({ description: "The interface that is looked at, or that the question leaves by." }),
    target: hostAddress.optional().meta({ description: "Who is asked, by ping or arp." }),
    command: z
      .array(z.string().min(1).max(4096))
      .min(1)
      .max(64)
      .optional()
      .meta({ description: "The program, with its whole path, and its arguments. No shell is involved." }),
    interval: duration({
      minMs: 100,
      maxMs: 600_000,
      default: "1s",
      description: "Time from one probe to the next.",
    }),
    timeout: optionalDuration({
      minMs: 10,
      maxMs: 600_000,
      default: "500ms",
      description:
        "A probe without an answer by then has failed. Default: the interval, which it must not exceed.",
    }),
    rise: results(2, "So many good results in a row, and a failing check is ok again."),
    fall: results(3, "So many bad results in a row, and the check fails."),
    weight: z.int().min(1).max(253).optional().meta({
      description: "While the check fails, this is taken from the node's priority. Not beside veto.",
    }),
    veto: z.boolean().default(false).meta({
      description:
        "While the check fails, the node ranks below every healthy one, as with an interface down: it is active only where none is better.",
    }),
    tieBreaker: z.boolean().default(false).meta({
      description:
        "While all tie-breakers of the group fail, an active node that hears no other one gives the addresses up: of two halves of a cluster the one that is cut off.",
    }),
  })
  .transform(({ interval, timeout, weight = 0, ...rest }) => ({
    ...{ ...rest, weight },
    intervalMs: interval,
    timeoutMs: timeout ?? interval,
  }))
  .meta({ description: "One check." });

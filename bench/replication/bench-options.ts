import { parseArgs } from "node:util";
import { ProblemError } from "../../src/base/problem.ts";
import { type ContenderName, contenderNames } from "./contenders.ts";

/** What can be measured. `cpu` and `rate` compare the contenders; the others are about tocha alone. */
export const partNames = ["cpu", "rate", "takeover", "memory", "idle", "rejoin"] as const;
export type PartName = (typeof partNames)[number];

export interface BenchOptions {
  readonly name: string;
  readonly runs: number;
  readonly parts: readonly PartName[];
  readonly contenders: readonly ContenderName[];
  /** Connections in the large table of `takeover`, `memory`, `idle` and `rejoin`. */
  readonly flows: number;
  readonly quick: boolean;
  readonly json: boolean;
}

export const replicationHelp = `npm run bench -- replication [options]

Measures replication by conntrackd and by tocha on the same traffic, side by side. Needs root, and a machine that is
otherwise idle. Installs Debian's conntrackd when it is not there.

  --runs N          runs, of which medians are reported (default 3; with --quick 1)
  --only PARTS      of ${partNames.join(",")} (default: all)
  --contenders LIST of ${contenderNames.join(",")} (default: all)
  --flows N         connections in the large table (default 1000000; with --quick 50000)
  --quick           one short run with a small table, a few minutes in all: for trying, not for figures
  --json, -o json   one JSON object instead of tables
  --name NAME       prefix of the network namespaces (default bench-PID)
`;

/** @throws ProblemError when an option is not understood */
export function readBenchOptions(args: readonly string[]): BenchOptions | "help" {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) return "help";
  const quick = values.quick === true;
  if (values.output !== undefined && values.output !== "json")
    throw wrong(`there is no output "${values.output}"`);
  return {
    name: values.name ?? `bench-${process.pid}`,
    runs: positive("runs", values.runs ?? (quick ? "1" : "3")),
    parts: listed("part", partNames, values.only),
    contenders: listed("contender", contenderNames, values.contenders),
    flows: positive("flows", values.flows ?? (quick ? "50000" : "1000000")),
    quick,
    json: values.json === true || values.output === "json",
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      runs: { type: "string" },
      only: { type: "string" },
      contenders: { type: "string" },
      flows: { type: "string" },
      quick: { type: "boolean" },
      json: { type: "boolean" },
      output: { type: "string", short: "o" },
      name: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  }).values;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw wrong(`--${name} is a whole number from 1, not "${text}"`);
}

/** The chosen ones, in the order in which they are measured. */
function listed<T extends string>(what: string, all: readonly T[], text: string | undefined): readonly T[] {
  if (text === undefined) return all;
  const wanted = new Set(text.split(",").map((word) => word.trim()));
  const unknown = [...wanted].filter((word) => !all.some((one) => one === word));
  if (unknown.length > 0) throw wrong(`there is no ${what} "${unknown[0]}"; there are ${all.join(", ")}`);
  return all.filter((one) => wanted.has(one));
}

function wrong(message: string): ProblemError {
  return new ProblemError({ code: "usage", message, hint: "npm run bench -- replication --help" });
}

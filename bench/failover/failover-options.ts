import { parseArgs } from "node:util";
import { ProblemError } from "../../src/base/problem.ts";
import { type ScenarioName, scenarioNames } from "./failover-run.ts";

export const contenderNames = [
  "tocha",
  "tocha-fastest",
  "tocha-many",
  "keepalived",
  "keepalived-best",
] as const;
export type ContenderName = (typeof contenderNames)[number];

/** `takeover`: the active is taken away. `steady`: nothing is wrong but the load, and nothing may happen. */
export const partNames = ["takeover", "steady"] as const;
export type PartName = (typeof partNames)[number];

export interface FailoverBenchOptions {
  readonly name: string;
  readonly parts: readonly PartName[];
  readonly runs: number;
  readonly scenarios: readonly ScenarioName[];
  readonly contenders: readonly ContenderName[];
  /** Connections in the table at a loss of power: for all, and for tocha alone. */
  readonly flows: readonly number[];
  readonly flowsTocha: readonly number[];
  /** How long `steady` lasts, for each contender. */
  readonly minutes: number;
  readonly json: boolean;
}

export const failoverHelp = `npm run bench -- failover [options]

takeover: takes the active gateway away, again and again, from tocha and from Debian's keepalived with conntrackd, side
by side. A run takes about 15 s, more with many connections: all of it takes hours.

steady: takes nothing away, but all processors, for --minutes with each contender: endless loops, new connections, and for
tocha questions of every kind, so that its other processes collect garbage without end. Counts the takeovers that happen
all the same.

In both: a UDP probe of 1,000 packets a second, 300 TCP streams with verified bytes, and background connections that are
asked one by one afterwards. Needs root, and a machine that is otherwise idle.

  --only PARTS          of ${partNames.join(",")} (default: all)
  --runs N              of each kind of takeover (default 20)
  --scenarios LIST      of ${scenarioNames.join(",")} (default: all)
  --contenders LIST     of ${contenderNames.join(",")} (default: all)
  --flows LIST          background connections at a loss of power (default 0,200000)
  --flows-tocha LIST    the same, for tocha alone (default 1000000)
  --minutes N           of load for each contender in steady (default 10)
  --json, -o json       one JSON object instead of tables
  --name NAME           prefix of the network namespaces (default bench-PID)
`;

/** @throws ProblemError when an option is not understood */
export function readFailoverOptions(args: readonly string[]): FailoverBenchOptions | "help" {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) return "help";
  if (values.output !== undefined && values.output !== "json")
    throw wrong(`there is no output "${values.output}"`);
  return {
    name: values.name ?? `bench-${process.pid}`,
    parts: listed("part", partNames, values.only),
    runs: positive("runs", values.runs ?? "20"),
    scenarios: listed("scenario", scenarioNames, values.scenarios),
    contenders: listed("contender", contenderNames, values.contenders),
    flows: counts("flows", values.flows ?? "0,200000"),
    flowsTocha: counts("flows-tocha", values["flows-tocha"] ?? "1000000"),
    minutes: positive("minutes", values.minutes ?? "10"),
    json: values.json === true || values.output === "json",
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      minutes: { type: "string" },
      runs: { type: "string" },
      scenarios: { type: "string" },
      contenders: { type: "string" },
      flows: { type: "string" },
      "flows-tocha": { type: "string" },
      json: { type: "boolean" },
      output: { type: "string", short: "o" },
      name: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  }).values;
}

function positive(name: string, text: string): number {
  const [value = 0] = counts(name, text);
  if (value > 0) return value;
  throw wrong(`--${name} is at least 1`);
}

function counts(name: string, text: string): readonly number[] {
  return text
    .split(",")
    .filter((word) => word !== "")
    .map((word) => {
      const value = Number(word);
      if (Number.isInteger(value) && value >= 0) return value;
      throw wrong(`--${name} has whole numbers, not "${word}"`);
    });
}

function listed<T extends string>(what: string, all: readonly T[], text: string | undefined): readonly T[] {
  if (text === undefined) return all;
  const wanted = new Set(text.split(",").map((word) => word.trim()));
  const unknown = [...wanted].find((word) => !all.some((one) => one === word));
  if (unknown !== undefined) throw wrong(`there is no ${what} "${unknown}"; there are ${all.join(", ")}`);
  return all.filter((one) => wanted.has(one));
}

function wrong(message: string): ProblemError {
  return new ProblemError({ code: "usage", message, hint: "npm run bench -- failover --help" });
}

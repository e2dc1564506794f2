import { parseArgs } from "node:util";
import { ProblemError } from "../../src/base/problem.ts";
import { type ScenarioName, scenarioNames } from "./failover-run.ts";

export const contenderNames = ["tocha", "tocha-fastest", "keepalived", "keepalived-best"] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface FailoverBenchOptions {
  readonly name: string;
  readonly runs: number;
  readonly scenarios: readonly ScenarioName[];
  readonly contenders: readonly ContenderName[];
  /** Connections in the table at a loss of power: for all, and for tocha alone. */
  readonly flows: readonly number[];
  readonly flowsTocha: readonly number[];
  readonly json: boolean;
}

export const failoverHelp = `npm run bench -- failover [options]

Takes the active gateway away, again and again, from tocha and from Debian's keepalived with conntrackd, side by side.
Each time: a UDP probe of 1,000 packets a second, 300 TCP streams with verified bytes, and background connections that
are asked one by one afterwards. Needs root, and a machine that is otherwise idle. A run takes about 15 s, more with
many connections: all of it takes hours.

  --runs N              of each kind (default 20)
  --scenarios LIST      of ${scenarioNames.join(",")} (default: all)
  --contenders LIST     of ${contenderNames.join(",")} (default: all)
  --flows LIST          background connections at a loss of power (default 0,200000)
  --flows-tocha LIST    the same, for tocha alone (default 1000000)
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
  const [runs = 0] = counts("runs", values.runs ?? "20");
  if (runs === 0) throw wrong("--runs is at least 1");
  return {
    name: values.name ?? `bench-${process.pid}`,
    runs,
    scenarios: listed("scenario", scenarioNames, values.scenarios),
    contenders: listed("contender", contenderNames, values.contenders),
    flows: counts("flows", values.flows ?? "0,200000"),
    flowsTocha: counts("flows-tocha", values["flows-tocha"] ?? "1000000"),
    json: values.json === true || values.output === "json",
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
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

import { InvalidArgumentError, Option } from "commander";
import { parseDurationMs } from "../../base/duration.ts";

export function intervalOption(): Option {
  return new Option("--interval <duration>", "time between two advertisements, such as 10ms")
    .argParser((text) => {
      const durationMs = parseDurationMs(text);
      if (durationMs !== undefined && durationMs >= 10 && durationMs % 10 === 0) return durationMs;
      throw new InvalidArgumentError("It needs a unit and is a multiple of 10ms: 10ms, 100ms, 1s.");
    })
    .default(100, "100ms");
}

export function pulseIntervalOption(): Option {
  return new Option(
    "--pulse-interval <duration>",
    "time between two pulses, such as 5ms (default: as --interval)",
  ).argParser((text) => {
    const durationMs = parseDurationMs(text);
    if (durationMs !== undefined && durationMs >= 5) return durationMs;
    throw new InvalidArgumentError("It needs a unit and is 5ms or more: 5ms, 10ms.");
  });
}

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    // An empty text would be 0: that of a variable that is not set.
    if (text.trim() !== "" && Number.isInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`It is a whole number, ${least} or more.`);
  };
}

/** Tells what happens on standard error, with the seconds since the start. */
export function storyTeller(): (line: string) => void {
  const startMs = performance.now();
  return (line) => {
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1).padStart(5);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
}

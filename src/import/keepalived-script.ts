import type { Statement } from "./block-file.ts";
import { secondsToMs } from "./config-values.ts";
import { fateOf } from "./keepalived-keywords.ts";
import type { Remarks } from "./remark.ts";

/** A vrrp_script: a program whose exit status tells whether all is well. */
export interface TrackScript {
  readonly at: Statement;
  readonly name: string;
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number | undefined;
  readonly rise: number;
  readonly fall: number;
  readonly weight: number;
}

/** What only a shell understands. */
const shellOnly = /[|&;<>()$`*?[\]~]/;
/** keepalived.conf(5), vrrp_script: one result is enough by default. */
const RESULTS_DEFAULT = 1;
const INTERVAL_MIN_MS = 100;

export function readTrackScript(statement: Statement, remarks: Remarks): TrackScript | undefined {
  const name = statement.values[0] ?? "";
  let command: readonly string[] | undefined;
  let at = statement;
  let intervalMs = 1_000;
  let timeoutMs: number | undefined;
  let rise = RESULTS_DEFAULT;
  let fall = RESULTS_DEFAULT;
  let weight = 0;
  for (const one of statement.block ?? []) {
    const [value = ""] = one.values;
    switch (one.name) {
      case "script":
        command = commandOf(one, remarks);
        at = one;
        break;
      case "interval":
        intervalMs = Math.max(INTERVAL_MIN_MS, secondsToMs(value) ?? intervalMs);
        break;
      case "timeout":
        timeoutMs = secondsToMs(value);
        break;
      case "rise":
        rise = results(value);
        break;
      case "fall":
        fall = results(value);
        break;
      case "weight":
        weight = weightOf(one, remarks);
        break;
      case "user":
        remarks.lost(
          one,
          "scripts of checks run as the daemon does, as root without most of its rights",
          "Write setpriv or sudo -u into the command if it needs another user.",
        );
        break;
      case "init_fail":
        remarks.lost(
          one,
          "a check begins as ok, and fails after so many bad results",
          "Lower its fall if that is too late.",
        );
        break;
      default:
        remarks.lost(one, fateOf(one.name).why);
    }
  }
  if (command === undefined || command.length === 0) {
    remarks.lost(statement, "the script has no command");
    return undefined;
  }
  if (timeoutMs !== undefined && timeoutMs > intervalMs) {
    remarks.changed(
      statement,
      "its timeout is longer than its interval: the check has the interval as timeout",
    );
    timeoutMs = undefined;
  }
  return { at, name, command, intervalMs, timeoutMs, rise, fall, weight };
}

/** keepalived starts a program itself where it can, and looks for it in PATH; tocha wants its whole path, and no shell. */
function commandOf(statement: Statement, remarks: Remarks): readonly string[] {
  const [first = "", ...more] = statement.values;
  // A quoted command is one word here; the words of one without quotes are its arguments.
  const words = more.length > 0 ? [first, ...more] : first.trim().split(/\s+/);
  const text = more.length > 0 ? statement.values.join(" ") : first;
  const program = words[0] ?? "";
  if (program.startsWith("/") && !shellOnly.test(text) && !/["']/.test(text)) return words;
  remarks.changed(
    statement,
    "it has no whole path, or needs a shell: the check starts /bin/sh with it",
    "Name the program with its whole path in the document, and no shell is needed.",
  );
  return ["/bin/sh", "-c", text];
}

function results(value: string): number {
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 ? Math.min(number, 100) : RESULTS_DEFAULT;
}

/** The weight of a tracked thing: `weight N` in its own line, or the line `weight N` of a script. */
export function weightOf(statement: Statement, remarks: Remarks): number {
  const words = [statement.name, ...statement.values];
  const index = words.indexOf("weight");
  if (words.includes("reverse")) {
    remarks.lost(statement, "a check cannot be reversed", "Let its script end with the opposite status.");
    return Number.NaN;
  }
  const number = index < 0 ? Number.NaN : Number(words[index + 1]);
  return Number.isInteger(number) ? Math.max(-253, Math.min(253, number)) : 0;
}

import type { LogLevel, RoleName } from "./role-message.ts";

/** Syslog severities (RFC 5424 6.2.1), as journald reads them at the beginning of a line (sd-daemon(3)). */
const severity = { error: 3, warning: 4, info: 6, debug: 7 } as const satisfies Record<LogLevel, number>;

/** One line a message on standard output: for journald with its severity, otherwise with a time stamp. */
export class Log {
  readonly #node: string;
  readonly #most: number;
  readonly #journald = process.env["JOURNAL_STREAM"] !== undefined;

  constructor(node: string, level: LogLevel) {
    this.#node = node;
    // Whoever read the log is gone: the gateway goes on.
    process.stdout.on("error", () => {});
    this.#most = severity[level];
  }

  write(role: RoleName, level: LogLevel, text: string): void {
    if (severity[level] > this.#most) return;
    const body = text.replaceAll("\n", " ");
    const line = this.#journald
      ? `<${severity[level]}>${role}: ${body}`
      : `${new Date().toISOString()} ${this.#node} ${role} ${level}: ${body}`;
    process.stdout.write(`${line}\n`);
  }
}

export function isLogLevel(text: string): text is LogLevel {
  return text in severity;
}

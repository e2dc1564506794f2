import type { CheckStatus } from "../../contract/status.ts";
import { CheckSet, type CheckVerdict, type TieView } from "../../core/health/check-set.ts";
import type { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import type { CheckSettings, NodeSettings } from "../node-settings.ts";
import { linkProbe } from "./link-probe.ts";
import { neighbourProbe } from "./neighbour-probe.ts";
import { pingProbe } from "./ping-probe.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { scriptProbe } from "./script-probe.ts";

export interface HealthChecksOptions {
  readonly settings: NodeSettings;
  readonly route: BackgroundRouteSocket;
  /** Whether the connections of a group are mirrored, as the replicator says. */
  readonly replication: (group: string) => Promise<ProbeResult>;
  readonly onVerdicts: (group: string, verdicts: readonly CheckVerdict[]) => void;
  /** After each probe of a tie-breaker. */
  readonly onTie: (group: string, tie: TieView) => void;
  readonly log: (level: "warning" | "info", text: string) => void;
}

interface RunningCheck {
  readonly group: string;
  readonly settings: CheckSettings;
  readonly probe: Probe;
}

/** Makes the checks of all groups, each at its own pace, and tells what comes of them. */
export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #sets: ReadonlyMap<string, CheckSet>;
  readonly #known: ReadonlyMap<string, CheckSettings>;

  constructor(options: HealthChecksOptions) {
    const { groups } = options.settings;
    const now = performance.now();
    this.#options = options;
    this.#sets = new Map(groups.map(({ name, checks }) => [name, new CheckSet(checks, now)]));
    this.#known = new Map(
      groups.flatMap(({ name, checks }) => checks.map((one) => [`${name} ${one.name}`, one])),
    );
    // A check that the document has no more must not count any longer, and no probe would say so.
    for (const { group, verdicts } of this.verdicts()) options.onVerdicts(group, verdicts);
    for (const { name: group, checks } of groups)
      for (const settings of checks) void this.#run({ group, settings, probe: this.#probe(group, settings) });
  }

  /** What the election is told of each group, also of one without checks. */
  verdicts(): { readonly group: string; readonly verdicts: readonly CheckVerdict[] }[] {
    const now = performance.now();
    return [...this.#sets].map(([group, set]) => ({ group, verdicts: set.verdicts(now) }));
  }

  tie(group: string): TieView {
    return this.#sets.get(group)?.tie(performance.now()) ?? { reach: "yes", words: "" };
  }

  status(): CheckStatus[] {
    const now = performance.now();
    return [...this.#sets].flatMap(([group, set]) =>
      set.views(now).map(({ sinceMs, heldUntilMs, ...view }) => {
        const settings = this.#known.get(`${group} ${view.name}`);
        return {
          ...{
            group,
            ...view,
            kind: settings?.kind ?? "",
            try: settings === undefined ? "" : byHand(settings),
          },
          sinceSeconds: Math.max(0, now - sinceMs) / 1_000,
          heldSeconds: heldUntilMs === undefined ? null : Math.max(0, heldUntilMs - now) / 1_000,
        };
      }),
    );
  }

  async #run(check: RunningCheck): Promise<void> {
    const { settings, probe } = check;
    for (;;) {
      const startMs = performance.now();
      this.#take(check, await probe());
      const restMs = startMs + settings.intervalMs - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs)));
    }
  }

  #take({ group, settings: { name, tieBreaker } }: RunningCheck, { good, words }: ProbeResult): void {
    const set = this.#sets.get(group);
    const now = performance.now();
    if (set === undefined) return;
    const isNews = set.result(now, name, good, words);
    if (tieBreaker) this.#options.onTie(group, set.tie(now));
    if (!isNews) return;
    const failure = set.failure(now, name);
    const isOne = this.#options.settings.groups.length === 1;
    const label = isOne ? `check ${name}` : `check ${name} of ${group}`;
    if (good) this.#options.log("info", `${label} is ok: ${words}`);
    else this.#options.log("warning", `${label} failed: ${failure}`);
    this.#options.onVerdicts(group, set.verdicts(now));
  }

  #probe(group: string, settings: CheckSettings): Probe {
    const { kind, device = "", source, target = "", timeoutMs, command, name } = settings;
    switch (kind) {
      case "ping":
        return pingProbe({ device, source, target, timeoutMs });
      case "arp":
        return neighbourProbe({ device, source, target, timeoutMs }, this.#options.route);
      case "script": {
        const { node, cluster } = this.#options.settings;
        const environment = {
          TOCHA_CLUSTER: cluster,
          TOCHA_NODE: node,
          TOCHA_GROUP: group,
          TOCHA_CHECK: name,
        };
        return scriptProbe({ command, timeoutMs, environment });
      }
      case "interface":
        return linkProbe(device, this.#options.route);
      case "replication":
        return () => this.#options.replication(group);
    }
  }
}

/** The command by which a person asks the same. */
function byHand({ kind, device = "", source, target = "", command }: CheckSettings): string {
  switch (kind) {
    case "ping":
      return `ping -c 3 -I ${device} ${source === undefined ? "" : `-I ${source} `}${target}`;
    case "arp":
      return target.includes(":") ? `ndisc6 ${target} ${device}` : `arping -c 3 -I ${device} ${target}`;
    case "script":
      return command
        .map((word) => (/^[A-Za-z0-9_./:=-]+$/.test(word) ? word : JSON.stringify(word)))
        .join(" ");
    case "interface":
      return `ip link show ${device}`;
    case "replication":
      return "tocha connections sync";
  }
}

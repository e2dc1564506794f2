import { arbiterKey } from "../../core/arbiter/arbiter-messages.ts";
import {
  Arbitration,
  type ArbitrationEffect,
  type ArbitrationView,
  type Standing,
} from "../../core/arbiter/arbitration.ts";
import type { ArbiterSettings, NodeSettings } from "../node-settings.ts";
import { ArbiterClient } from "./arbiter-client.ts";

export interface ArbiterOptions {
  readonly settings: NodeSettings;
  readonly arbiter: ArbiterSettings;
  /** Passes a verdict on to the failover role. */
  readonly tell: (group: string, lostTo: string | undefined) => void;
  readonly log: (level: "warning" | "info", text: string) => void;
}

/** The arbitration of every group, driven by the control role's event loop. Nothing waits for it. */
export class Arbiter {
  readonly #groups: ReadonlyMap<string, GroupArbiter>;

  constructor(options: ArbiterOptions) {
    const client = new ArbiterClient(options.arbiter);
    this.#groups = new Map(
      options.settings.groups.map(({ name, pulseIntervalMs }) => [
        name,
        new GroupArbiter(options, client, { name, intervalMs: pulseIntervalMs }),
      ]),
    );
  }

  stands(group: string, standing: Standing): void {
    this.#groups.get(group)?.stands(standing);
  }

  get views(): Readonly<Record<string, ArbitrationView>> {
    return Object.fromEntries([...this.#groups].map(([name, group]) => [name, group.view]));
  }
}

class GroupArbiter {
  readonly #options: ArbiterOptions;
  readonly #client: ArbiterClient;
  readonly #group: string;
  readonly #key: string;
  readonly #machine: Arbitration;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    options: ArbiterOptions,
    client: ArbiterClient,
    group: { readonly name: string; readonly intervalMs: number },
  ) {
    const { settings, arbiter } = options;
    this.#options = options;
    this.#client = client;
    this.#group = group.name;
    this.#key = arbiterKey(settings.cluster, group.name);
    const peers = settings.peers.map(({ name }) => name);
    const { leaseMs } = arbiter;
    this.#machine = new Arbitration(
      { node: settings.node, peers, leaseMs, intervalMs: group.intervalMs },
      performance.now(),
    );
    this.#perform([]);
  }

  get view(): ArbitrationView {
    return this.#machine.view;
  }

  stands(standing: Standing): void {
    this.#perform(this.#machine.stands(performance.now(), standing));
  }

  #perform(effects: readonly ArbitrationEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
    clearTimeout(this.#timer);
    const { deadline } = this.#machine;
    if (deadline === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, deadline - performance.now());
    this.#timer = setTimeout(() => this.#perform(this.#machine.timeout(performance.now())), delayMs);
  }

  #performOne(effect: ArbitrationEffect): void {
    const { settings, tell, log } = this.#options;
    switch (effect.do) {
      case "ask":
        this.#client.ask(effect.request, { key: this.#key, node: settings.node }).then(
          (answer) => this.#perform(this.#machine.answered(performance.now(), answer)),
          (error: Error) => this.#perform(this.#machine.failed(performance.now(), error.message)),
        );
        break;
      case "tell":
        tell(this.#group, effect.lostTo);
        break;
      case "state": {
        const { holder, problem } = this.#machine.view;
        const about =
          effect.to === "unreachable"
            ? `: ${problem ?? ""}`
            : holder === undefined
              ? ""
              : `; holder: ${holder}`;
        const level = effect.to === "unreachable" || effect.to === "lost" ? "warning" : "info";
        log(level, `arbiter, group ${this.#group}: ${effect.from} -> ${effect.to}${about}`);
        break;
      }
      case "permit":
        // Gateways take over first: there is no exclusive group yet that would ask.
        break;
    }
  }
}

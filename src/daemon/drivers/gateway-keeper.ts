import { setTimeout as sleep } from "node:timers/promises";
import type { StatusProblem } from "../../contract/status.ts";
import { RulesGeneration } from "../../linux/rules-generation.ts";
import type { NodeSettings } from "../node-settings.ts";
import { FaceDevices } from "./face-devices.ts";
import { checkGateway, loadGateway, lookAtGateway, setSysctls } from "./gateway-loader.ts";

const RETRY_MS = 5_000;
/** One question to the kernel each time, while nobody changes rules. */
const LOOK_MS = 1_000;
/** Where others change rules of their own all the time, lists of ours take one part in so many of the time. */
const LIST_SHARE = 20;
const LIST_REST_MS_MAX = 5_000;
/** A repair is told of for so long. */
const REPAIR_TOLD_MS = 300_000;

export interface GatewayKeeperOptions {
  readonly settings: NodeSettings;
  /** What comes between the first load and readiness; it may change the settings by `apply`. */
  readonly first: () => Promise<void>;
  /** Called once, when rules and sysctls are in the kernel for the first time. */
  readonly onReady: () => void;
  readonly log: (level: "info" | "warning" | "error", text: string) => void;
}

interface Repair {
  readonly at: Date;
  readonly what: string;
  readonly count: number;
}

/**
 * Keeps a node's rules and sysctls in the kernel: loads them, until it works; changes them when asked to; and looks every second
 * whether somebody else has changed the rules, for a gateway without them forwards untranslated packets and knows nothing of it.
 */
export class GatewayKeeper {
  readonly #options: GatewayKeeperOptions;
  readonly #generation = new RulesGeneration();
  readonly #devices = new FaceDevices();
  #settings: NodeSettings;
  #failures: readonly string[] = [];
  #isLoaded = false;
  #isFirstOver = false;
  #isReady = false;
  /** When the rules were last seen to be ours. */
  #seenGeneration: number | undefined;
  #nextListMs = 0;
  #lastRepair: Repair | undefined;
  /** What the last try had to complain about, if it failed: the next one may have the same. */
  #lastFailure: string | undefined;
  readonly #tried = Promise.withResolvers<void>();
  /** Loads, checks and looks go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: GatewayKeeperOptions) {
    this.#options = options;
    this.#settings = options.settings;
    void this.#keep();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Settled when the rules have been loaded, or refused, for the first time. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  /**
   * Changes rules and sysctls to what these settings say.
   *
   * @returns what went wrong, in words; then rules and sysctls are set back to what they were
   */
  async apply(settings: NodeSettings): Promise<readonly string[]> {
    return await this.#alone(async () => {
      const failures = await this.#load(settings);
      if (failures.length === 0) this.#settings = settings;
      // Where one kernel setting was refused, the rules may be the new ones already.
      this.#loaded(failures.length === 0 ? failures : await this.#load(this.#settings));
      return failures;
    });
  }

  /** Asks whether `apply` would succeed; changes nothing. @returns why not, in words */
  async check(settings: NodeSettings): Promise<readonly string[]> {
    return await this.#alone(() => checkGateway(settings));
  }

  get problems(): StatusProblem[] {
    const { node } = this.#settings;
    const failed = this.#failures.map(
      (message): StatusProblem => ({
        ...{ severity: "error", node, code: "gateway-not-loaded", message },
        hint: `On ${node}: tocha doctor, nft --version, and dmesg; it is tried again every ${RETRY_MS / 1_000} s.`,
      }),
    );
    const repair = this.#lastRepair;
    if (repair === undefined || Date.now() - repair.at.getTime() > REPAIR_TOLD_MS) return failed;
    const times = repair.count === 1 ? "" : `, for the ${repair.count}th time since the daemon began`;
    const repaired: StatusProblem = {
      ...{ severity: "warning", node, code: "gateway-changed" },
      message: `somebody changed tocha's rules (${repair.what}); they were loaded again at ${repair.at.toISOString()}${times}`,
      hint: `Which program on ${node} says "nft flush ruleset", or changes table inet tocha? nft monitor names it. Rules of your own belong into tables of your own.`,
    };
    return [...failed, repaired];
  }

  async #keep(): Promise<void> {
    // Rules come first of all: what the nodes say to each other must not be tracked.
    await this.#alone(() => this.#step());
    this.#tried.resolve();
    await this.#options.first();
    this.#isFirstOver = true;
    this.#becomeReady();
    for (;;) {
      await this.#alone(() => this.#step());
      const delayMs = this.#failures.length > 0 ? RETRY_MS : LOOK_MS;
      // A process that has nothing else to do may end.
      await sleep(delayMs, undefined, { ref: false });
    }
  }

  async #step(): Promise<void> {
    if (!this.#isLoaded || this.#failures.length > 0) {
      await this.#try();
      return;
    }
    const renewed = this.#devices.takeRenewed(this.#settings);
    if (renewed.length > 0) {
      this.#options.log("info", `${renewed.join(", ")}: made anew, so its sysctls are set again`);
      this.#failures = setSysctls(this.#settings);
      for (const failure of this.#failures) this.#options.log("error", failure);
    }
    // Before the look: what is changed during it is found by the next one.
    const generation = this.#generation.read();
    if (generation !== undefined && generation === this.#seenGeneration) return;
    const beginMs = performance.now();
    if (beginMs < this.#nextListMs) return;
    const what = await lookAtGateway(this.#settings);
    const endMs = performance.now();
    this.#nextListMs = endMs + Math.min(LIST_SHARE * (endMs - beginMs), LIST_REST_MS_MAX);
    if (what === undefined) {
      this.#seenGeneration = generation;
      return;
    }
    this.#options.log("error", `somebody changed tocha's rules: ${what}`);
    this.#loaded(await this.#load(this.#settings));
    this.#lastRepair = { at: new Date(), what, count: (this.#lastRepair?.count ?? 0) + 1 };
  }

  /** Loads what is not there, and tells of it unless the try before failed in just the same way. */
  async #try(): Promise<void> {
    const said: (readonly ["info" | "warning" | "error", string])[] = [];
    const failures = await this.#load(this.#settings, (level, text) => said.push([level, text]));
    const faults = said.filter(([level]) => level !== "info");
    const failure = failures.length === 0 ? undefined : JSON.stringify([faults, failures]);
    if (failure === undefined || failure !== this.#lastFailure) {
      for (const [level, text] of said) this.#options.log(level, text);
      this.#loaded(failures);
      if (failure !== undefined)
        this.#options.log(
          "info",
          `this is tried again every ${RETRY_MS / 1_000} s, and told again when it changes`,
        );
    }
    this.#lastFailure = failure;
  }

  async #load(settings: NodeSettings, say = this.#options.log): Promise<readonly string[]> {
    // Before: a device that is made anew meanwhile is found by the next look.
    this.#devices.takeRenewed(settings);
    return await loadGateway(settings, { say });
  }

  #loaded(failures: readonly string[]): void {
    this.#failures = failures;
    const { log } = this.#options;
    for (const failure of failures) log("error", failure);
    if (failures.length > 0) return;
    log("info", "rules and sysctls are in the kernel");
    this.#isLoaded = true;
    this.#becomeReady();
  }

  #becomeReady(): void {
    if (this.#isReady || !this.#isLoaded || !this.#isFirstOver) return;
    this.#isReady = true;
    this.#options.onReady();
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    // A failure is its caller's matter, not of the one who comes next.
    this.#last = mine.catch(() => {});
    return await mine;
  }
}

import { flushCompileCache } from "node:module";
import { Worker } from "node:worker_threads";
import type { Problem } from "../../base/problem.ts";
import { rehearseTakeover } from "../../core/election/rehearsal.ts";
import { liveness } from "../../core/liveness.ts";
import { LivenessTables } from "../../linux/liveness-tables.ts";
import { PollSet } from "../../linux/poll.ts";
import { allowedProcessors } from "../../linux/processors.ts";
import { lockProgramMemory } from "../../linux/program-memory.ts";
import { takeRealTimePriority } from "../../linux/real-time.ts";
import { NetworkEvents, RouteSocket } from "../../linux/route-socket.ts";
import { WakeUp } from "../../linux/wake-up.ts";
import { AddressOrders } from "../drivers/address-orders.ts";
import { BlockingChannel } from "../drivers/blocking-channel.ts";
import { GroupFailover } from "../drivers/group-failover.ts";
import { LatenessMeter } from "../drivers/lateness-meter.ts";
import { LoopTurns } from "../drivers/loop-turns.ts";
import { PulsePaths } from "../drivers/pulse-paths.ts";
import type { PulseHearer } from "../drivers/pulse-socket.ts";
import { listAddresses } from "../drivers/virtual-addresses.ts";
import { waitUntil } from "../drivers/wait-until.ts";
import type { NodeSettings } from "../node-settings.ts";
import { ignoreSignals, roleTitle } from "../role-channel.ts";
import type { Envelope, RoleMessage, RoleName } from "../role-message.ts";
import type { FailoverReport } from "../role-report.ts";
import type { AddressKeeperData } from "./address-keeper.ts";
import type { LoopGuardData } from "./loop-guard.ts";

/** The highest priority that is still below the kernel's own threads (migration, watchdog). */
const REAL_TIME_PRIORITY = 50;
/** On a busy machine, and without real-time priority yet. */
const KEEPER_START_LIMIT_MS = 10_000;
/** At its start and its end the role waits so long for its addresses to be gone. After that its supervisor removes them. */
const REMOVAL_LIMIT_MS = 2_000;
/** The same where nobody else is left. */
const ABANDONED_LIMIT_MS = 60_000;
/** Longer than it takes to read all that can have arrived. */
const STANDSTILL_MS = 5;
/** What the threads beside the loop keep is a few addresses and their messages. */
const threadLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 } as const;

const now = () => performance.now();

/**
 * The failover role: one loop around a blocking poll(2), an election machine for each group, and the kernel. Between a peer's silence
 * and the takeover there is no disk, no DNS, no TLS, no program, and no other process of ours. Two more threads see to it
 * that the loop goes on: one changes the addresses, because that waits for whoever else configures the network; one moves the loop to
 * another processor when it gets none.
 */
class FailoverRole {
  readonly #channel: BlockingChannel;
  readonly #orders: AddressOrders;
  readonly #turns: LoopTurns;
  readonly #wakeUp = WakeUp.create();
  readonly #route = new RouteSocket();
  readonly #events = new NetworkEvents({ added: "link-scope" });
  readonly #pulses: PulsePaths;
  readonly #groups: readonly GroupFailover[];
  /** Held, not used: the kernel removes the tables with this process. */
  #alive: LivenessTables | undefined;
  #realTime = false;
  #lockedKiB = 0;
  readonly #lateness = new LatenessMeter();
  /** The last turn stood still while it read what had arrived. */
  #looksAgain = false;
  /** How long the loop has waited in the turn before. */
  #waitedBeforeMs = 0;
  /** What the groups were told last of the loop's own waits. */
  #excusedMs = 0;
  /** Nobody is left to work for. */
  #abandoned = false;
  /** Undefined when the set of sockets has changed. */
  #pollSet: PollSet | undefined;
  /** What to poll besides the role's channel, the kernel's events and the guard, in order: pulses first. */
  #sockets: GroupFailover["sockets"] = [];

  constructor(channel: BlockingChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#pulses = new PulsePaths(settings);
    const presence = settings.groups.map((group) => {
      return new Uint8Array(new SharedArrayBuffer(listAddresses(group).length));
    });
    this.#orders = startAddressKeeper(settings, presence);
    this.#turns = startLoopGuard(this.#wakeUp.fd);
    this.#prepare();
    // The elections' time to listen begins here.
    const shared = { settings, channel, pulses: this.#pulses, orders: this.#orders };
    this.#groups = settings.groups.map((group, place) => {
      return new GroupFailover({ ...shared, group, place, presence: presence[place] ?? new Uint8Array() });
    });
  }

  /** What takes its time, and must be over before anything is listened for. */
  #prepare(): void {
    if (!this.#orders.waitUntilReady(KEEPER_START_LIMIT_MS))
      throw new Error(
        `the thread that changes addresses did not start in ${KEEPER_START_LIMIT_MS / 1_000} s`,
      );
    this.#realTime = takeRealTimePriority(REAL_TIME_PRIORITY);
    this.#lockedKiB = lockProgramMemory();
    // Now, and not some seconds later: it takes 20 ms (worker-process.ts).
    globalThis.gc?.();
  }

  /** Runs until the node stops. `arrived` are messages that came together with the settings. */
  run(arrived: readonly Envelope[]): void {
    for (const group of this.#groups) group.removeLeftovers();
    this.#waitForRemoval(REMOVAL_LIMIT_MS);
    this.#alive = new LivenessTables(liveness);
    for (const group of this.#groups) group.tellStart();
    this.#readNetwork();
    for (const { from, message } of arrived) this.#receiveMessage(from, message);
    try {
      while (!this.#finished) this.#turn();
    } finally {
      // First of all, and whatever happens: from here the node answers for no virtual address, even if some are still there.
      this.#alive.close();
    }
    this.#waitForRemoval(this.#abandoned ? ABANDONED_LIMIT_MS : REMOVAL_LIMIT_MS);
    for (const group of this.#groups) group.close();
    this.#channel.send("supervisor", { kind: "stopped" });
  }

  #waitForRemoval(limitMs: number): void {
    const endMs = now() + limitMs;
    for (const group of this.#groups) group.waitForRemoval(endMs - now());
  }

  /** One turn: wait, take in everything that has arrived, and only then act on time that has passed. */
  #turn(): void {
    let deadline = Number.POSITIVE_INFINITY;
    for (const group of this.#groups) deadline = Math.min(deadline, group.deadline);
    const pollSet = this.#currentPollSet();
    // At ordinary priority it is late again and again, and the kernel itself moves it.
    if (this.#realTime) this.#turns.rest(deadline);
    const knownMs = waitUntil(deadline, pollSet, now);
    if (this.#realTime) this.#turns.wake();
    if (!this.#looksAgain) this.#beginTurn();
    if (pollSet.readable(0)) this.#receiveMessages();
    if (pollSet.readable(2)) this.#wakeUp.take();
    const { length } = this.#sockets;
    for (let i = 0; i < length; i++) {
      if (!pollSet.readable(3 + i)) continue;
      this.#excuse();
      this.#sockets[i]?.receive();
    }
    // After what the others say, and last of all, because it may change the set of sockets.
    if (pollSet.readable(1)) this.#receiveNetworkEvents();
    const readMs = now();
    this.#lateness.note(readMs, readMs - deadline);
    // Whoever stood still since it looked at the sockets looks again before it says or decides anything. Not twice: it must go on.
    this.#looksAgain = readMs - knownMs - this.#orders.waitedMs > STANDSTILL_MS && !this.#looksAgain;
    // By that time, not by now: the rest of what has arrived is for the next turn.
    if (!this.#looksAgain) for (const group of this.#groups) group.timeout(knownMs);
    for (const group of this.#groups) group.tellStanding();
    for (const group of this.#groups) group.tellTransition();
    if (!this.#looksAgain) this.#foresee();
  }

  /** Last of all, because it takes a millisecond or two. Once for all groups, which share the code. */
  #foresee(): void {
    let isAtHand = false;
    for (const group of this.#groups) if (group.foreseen.prepare(now())) isAtHand = true;
    if (isAtHand) rehearseTakeover(1);
  }

  #beginTurn(): void {
    this.#waitedBeforeMs = this.#orders.waitedMs;
    this.#orders.beginTurn();
    this.#excuse();
  }

  /** What one group has let the loop wait for, in this turn or the one before, makes no other one late. */
  #excuse(): void {
    const waitedMs = this.#waitedBeforeMs + this.#orders.waitedMs;
    if (waitedMs !== this.#excusedMs) for (const group of this.#groups) group.excuse(waitedMs);
    this.#excusedMs = waitedMs;
  }

  #currentPollSet(): PollSet {
    if (this.#pollSet === undefined) {
      const pulses = this.#pulses.open.map(({ fd, socket }) => ({
        fd,
        receive: () => this.#pulses.receive(socket, this.#hear),
      }));
      this.#sockets = [...pulses, ...this.#groups.flatMap((group) => group.sockets)];
      const fds = this.#sockets.map(({ fd }) => fd);
      this.#pollSet = new PollSet([this.#channel.fd, this.#events.fd, this.#wakeUp.fd, ...fds]);
    }
    return this.#pollSet;
  }

  get #finished(): boolean {
    return this.#abandoned || this.#groups.every(({ finished }) => finished);
  }

  readonly #hear: PulseHearer = (path, pulse, isOvertaken) => {
    for (const group of this.#groups)
      if (group.name === pulse.group) group.receivePulse(path, pulse, isOvertaken);
  };

  #receiveNetworkEvents(): void {
    for (const event of this.#events.read()) {
      if (event.kind === "overrun") {
        this.#readNetwork();
        for (const group of this.#groups) group.loseAddresses();
      } else if (event.kind === "link") {
        if (this.#pulses.linkChanged(event.link, event.removed)) this.#pollSet = undefined;
        for (const group of this.#groups)
          if (group.linkChanged(event.link, event.removed)) this.#pollSet = undefined;
      } else if (event.kind !== "route") {
        for (const group of this.#groups) group.addressChanged(event.address, event.removed);
      }
    }
  }

  /** Reads everything anew: at start, and when the kernel had to drop events. */
  #readNetwork(): void {
    const links = this.#route.links();
    const addresses = this.#route.addresses();
    if (this.#pulses.readLinks(links)) this.#pollSet = undefined;
    for (const group of this.#groups) if (group.readNetwork(links, addresses)) this.#pollSet = undefined;
  }

  #receiveMessages(): void {
    const envelopes = this.#channel.receive();
    if (envelopes === "closed") {
      // Nobody is left to remove the addresses if this process fails: give them up now.
      for (const group of this.#groups) group.stop();
      this.#abandoned = true;
      return;
    }
    for (const { from, message } of envelopes) this.#receiveMessage(from, message);
  }

  #receiveMessage(from: RoleName, message: RoleMessage): void {
    switch (message.kind) {
      case "gateway-ready":
        for (const group of this.#groups) group.readinessChanged({ gatewayReady: true });
        break;
      case "pulse-keys":
        this.#pulses.setKeys(message.keys);
        break;
      case "checks":
        this.#group(message.group)?.readinessChanged({ checks: message.checks });
        break;
      case "revision":
        this.#pulses.revision = message.revision;
        break;
      case "maintenance":
        for (const group of this.#groups) group.readinessChanged({ maintenance: message.maintenance });
        break;
      case "table":
        this.#group(message.group)?.tableChanged(message);
        break;
      case "drained":
        this.#group(message.group)?.drained(message.token, message.complete);
        break;
      case "switchover": {
        const { request } = message;
        const group = this.#group(message.group);
        const problem =
          group === undefined ? noGroup(message.group) : group.switchover(message.reason, message.to);
        const answer = { kind: "switchover-answer", request } as const;
        this.#channel.send(from, problem === undefined ? answer : { ...answer, problem });
        break;
      }
      case "ask":
        this.#channel.send(from, { kind: "answer", request: message.request, report: this.#report() });
        break;
      case "arbitrated":
        this.#group(message.group)?.arbitrated(message.lostTo);
        break;
      case "cut-off":
        this.#group(message.group)?.readinessChanged({ cutOff: message.cutOff });
        break;
      case "role-started":
        if (message.role === "control") for (const group of this.#groups) group.forgetStanding();
        for (const { name, isActive } of this.#groups)
          this.#channel.send(message.role, { kind: "active", group: name, active: isActive });
        if (message.role === "control") for (const group of this.#groups) group.repeatTransitions();
        break;
      case "stop":
        for (const group of this.#groups) group.stop();
        break;
      default:
        break;
    }
  }

  #group(name: string): GroupFailover | undefined {
    return this.#groups.find((group) => group.name === name);
  }

  #report(): FailoverReport {
    return {
      role: "failover",
      groups: this.#groups.map((group) => group.report()),
      nowMs: performance.now(),
      realTime: this.#realTime,
      lockedKiB: this.#lockedKiB,
      lateness: this.#lateness.report(performance.now()),
      moves: this.#turns.moves,
      counters: { ...this.#pulses.counters },
    };
  }
}

function noGroup(name: string): Problem {
  return { code: "no-such-group", message: `there is no failover group ${name}` };
}

function startAddressKeeper(
  { groups }: NodeSettings,
  presence: AddressKeeperData["presence"],
): AddressOrders {
  const fastestMs = Math.min(...groups.map(({ pulseIntervalMs }) => pulseIntervalMs));
  const orders = AddressOrders.forGroups(groups.length, fastestMs);
  startThread("address-keeper", { memory: orders.memory, presence, groups } satisfies AddressKeeperData);
  return orders;
}

/** Without a second processor there is nowhere to move to. */
function startLoopGuard(wakeFd: number): LoopTurns {
  const turns = LoopTurns.create();
  const processors = allowedProcessors();
  if (processors.length > 1) {
    const { memory } = turns;
    const priority = REAL_TIME_PRIORITY - 1;
    startThread("loop-guard", {
      memory,
      processors,
      threadId: process.pid,
      wakeFd,
      priority,
    } satisfies LoopGuardData);
  }
  return turns;
}

/** At its end the process waits only for what a thread is just doing. */
function startThread(
  name: "address-keeper" | "loop-guard",
  workerData: AddressKeeperData | LoopGuardData,
): void {
  new Worker(new URL(`./${name}.ts`, import.meta.url), { workerData, resourceLimits: threadLimits }).unref();
}

/** The first message are the settings; others may have come with it. */
function start(): void {
  ignoreSignals();
  const channel = new BlockingChannel();
  const waiting = new PollSet([channel.fd]);
  for (;;) {
    waiting.wait(Number.POSITIVE_INFINITY);
    const envelopes = channel.receive();
    if (envelopes === "closed") return;
    const [first, ...rest] = envelopes;
    if (first === undefined) continue;
    if (first.message.kind !== "settings")
      throw new Error(`the first message is ${first.message.kind}, not settings`);
    process.title = roleTitle("failover", first.message.settings.node);
    rehearseTakeover();
    flushCompileCache();
    new FailoverRole(channel, first.message.settings).run(rest);
    return;
  }
}

start();

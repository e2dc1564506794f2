import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { longestDuplicateMs } from "../address-timeline.ts";
import { askCluster, isWell, waitForCluster } from "../cluster-view.ts";
import { labDown } from "../lab.ts";
import { abandonedLabs, readLabRecord } from "../lab-folder.ts";
import { defaultLabSettings, type LabSettings } from "../lab-plan.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import type { StreamReport } from "../traffic/stream-traffic.ts";
import { scenarios } from "./all-scenarios.ts";
import { inOwnLab } from "./own-lab.ts";
import type { FaultContext, Scenario, ScenarioStep } from "./scenario.ts";
import { type PhaseReport, type ScenarioReport, scenarioReport } from "./scenario-report.ts";
import { Stage } from "./stage.ts";
import { announcedAfterMs } from "./taker-stamps.ts";

export interface ScenarioOptions {
  /** A lab that is up already; otherwise one is made, of this name if given, and taken down afterwards. */
  readonly name?: string;
  readonly connections?: number;
  readonly backgroundFlows?: number;
  readonly intervalMs?: number;
  readonly pulseIntervalMs?: number | undefined;
  readonly nodes?: number;
  readonly ipv6?: boolean;
  readonly moreInterfaces?: number;
  readonly moreAddresses?: number;
  /** Cables are cut without carrier loss. */
  readonly silent?: boolean;
  readonly signal?: AbortSignal;
  /** Gets what happens, as lines for people. */
  readonly log?: (line: string) => void;
}

// How long nothing must move where nothing may: many takeovers long, at any interval of the lab.
const STAY_MS = 5_000;
const STAY_INTERVALS = 30;
// How long the traffic is watched after a move, at least: what happens late would be missed otherwise.
const AFTER_MS = 3_000;
// A connection whose last segments were lost waits for its retransmission timer, which doubles each time.
const PROGRESS_LIMIT_MS = 20_000;
const REPAIR_LIMIT_MS = 60_000;
const STATUS_LIMIT_MS = 5_000;

/** @throws ProblemError when there is no such scenario */
export function findScenario(name: string): Scenario {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario !== undefined) return scenario;
  throw new ProblemError({
    code: "lab-scenario-unknown",
    message: `there is no scenario "${name}"`,
    hint: `There are: ${scenarios.map((one) => one.name).join(", ")}`,
  });
}

/** Plays a scenario in a lab with real traffic, and judges it. Needs root. */
export async function runScenario(name: string, options: ScenarioOptions = {}): Promise<ScenarioReport> {
  const scenario = findScenario(name);
  for (const abandoned of abandonedLabs()) await labDown(abandoned);
  const running = options.name === undefined ? undefined : readLabRecord(options.name);
  if (running?.complete === true) {
    refuseOtherPolicy(scenario, running.settings);
    return await play(scenario, running.settings, options);
  }
  const settings: LabSettings = {
    ...defaultLabSettings,
    name: options.name ?? `run-${process.pid}`,
    intervalMs: options.intervalMs ?? defaultLabSettings.intervalMs,
    pulseIntervalMs: options.pulseIntervalMs,
    nodes: options.nodes ?? defaultLabSettings.nodes,
    ipv6: options.ipv6 ?? defaultLabSettings.ipv6,
    moreInterfaces: options.moreInterfaces ?? defaultLabSettings.moreInterfaces,
    moreAddresses: options.moreAddresses ?? defaultLabSettings.moreAddresses,
    preempt: scenario.preempt,
  };
  return await inOwnLab(settings, options, () => play(scenario, settings, options));
}

function refuseOtherPolicy(scenario: Scenario, { name, preempt }: LabSettings): void {
  if (scenario.preempt === preempt) return;
  throw new ProblemError({
    code: "lab-setting",
    message: `the scenario ${scenario.name} needs a lab with preempt ${scenario.preempt}, and "${name}" has ${preempt}`,
    hint: "Leave --name away: the scenario then makes its own lab.",
  });
}

async function play(
  scenario: Scenario,
  settings: LabSettings,
  options: ScenarioOptions,
): Promise<ScenarioReport> {
  const log = options.log ?? (() => undefined);
  const { connections = 500, backgroundFlows = 0, signal } = options;
  const stage = await Stage.set(settings, { connections, backgroundFlows, signal, log });
  try {
    const failures: string[] = [];
    const phases: PhaseReport[] = [];
    let streams = await stage.streams.report();
    for (const step of scenario.steps) {
      const active = phases.at(-1)?.activeAfter ?? stage.first;
      const context = { settings, active, first: stage.first, silent: options.silent ?? false, signal };
      const played = await playStep(stage, step, context, log);
      phases.push(played.phase);
      failures.push(...played.failures);
      streams = played.streams;
      if (played.phase.activeAfter === null) break;
    }
    const [first, ...rest] = phases;
    if (first === undefined) throw new Error(`the scenario ${scenario.name} has no steps`);
    const backgroundSurvived = (await stage.background?.check(signal)) ?? 0;
    return scenarioReport({
      scenario: scenario.name,
      intervalMs: settings.intervalMs,
      ipv6Connections: stage.streams.ipv6Connections,
      backgroundFlows,
      backgroundSurvived,
      streams,
      phases: [first, ...rest],
      failures,
    });
  } finally {
    await stage.close();
  }
}

export interface PlayedStep {
  readonly phase: PhaseReport;
  readonly failures: readonly string[];
  readonly streams: StreamReport;
}

/** Lets one thing happen in a lab under traffic, and measures what follows. */
export async function playStep(
  stage: Stage,
  step: ScenarioStep,
  context: FaultContext,
  log: (line: string) => void,
): Promise<PlayedStep> {
  const { active, settings, signal } = context;
  await stage.mark();
  log(step.says(context));
  const fault = await step.act(context);
  if (step.powerFails === true) stage.watch.powerFailed(active, fault.atMs);
  if (step.name === "power-on") await stage.watch.attach(context.first);
  const moved = await outcome(stage, step, context, fault.atMs);
  log(moved === undefined ? `${active} keeps the addresses` : `${moved.node} holds the addresses`);
  const stallMs = (await stage.streams.report()).longestStallMs;
  // From here every connection must make progress anew: what was on its way before the fault counts no more.
  await stage.streams.mark();
  await sleep(AFTER_MS, undefined, { signal });
  const streams = await stage.progress(PROGRESS_LIMIT_MS, signal);
  const probe = await stage.probe.report();
  const activeAfter = await activeNode(settings, moved?.node ?? active, signal);
  const toMs = monotonicMs();
  const events = stage.watch.events.filter((event) => event.atMs >= fault.atMs);
  const givenUpMs = events.find((event) => event.node === active && !event.present)?.atMs;
  const phase: PhaseReport = {
    name: step.name,
    activeBefore: active,
    activeAfter,
    takeoverMs: moved === undefined ? null : round(moved.atMs - fault.atMs),
    announcedMs: moved === undefined ? null : await announcedAfterMs(settings.name, moved.node),
    handoverMs:
      moved === undefined || givenUpMs === undefined || step.powerFails === true
        ? null
        : round(Math.max(0, moved.atMs - givenUpMs)),
    udpGapMs: probe.gapMs,
    udpOutageMs: probe.outageMs,
    udpOutageLateMs: probe.outageLateMs,
    udpLost: probe.sent - probe.answered,
    udpSendGapMs: probe.sendGapMs,
    machineStallMs: round(await stage.machine.stallMs()),
    longestTcpStallMs: Math.max(stallMs, streams.longestStallMs),
    answeredByTwoMs: step.powerFails === true ? 0 : round((await stage.answers.report()).answeredByTwoMs),
    duplicateAddressMs: round(longestDuplicateMs(stage.watch.events, { fromMs: fault.atMs, toMs })),
  };
  const failures = [...judge(step, phase, events.length), ...(await repairFailures(step, context, log))];
  return { phase, failures, streams };
}

/** Waits for the move that must come, or through the time in which none may. */
async function outcome(
  stage: Stage,
  step: ScenarioStep,
  { active, settings, signal }: FaultContext,
  fromMs: number,
): Promise<{ node: string; atMs: number } | undefined> {
  const limitMs =
    step.expects === "move" ? step.limitMs : Math.max(STAY_MS, STAY_INTERVALS * settings.intervalMs);
  return await stage.watch.waitForMove(active, { fromMs, limitMs, signal });
}

/** The node that the cluster calls active: asked until it agrees with the kernels, or time is over. */
async function activeNode(
  settings: LabSettings,
  expected: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const endMs = performance.now() + STATUS_LIMIT_MS;
  for (;;) {
    const active = (await askCluster(settings))?.activeNode ?? null;
    if (active === expected || performance.now() > endMs) return active;
    await sleep(100, undefined, { signal });
  }
}

function judge(step: ScenarioStep, phase: PhaseReport, addressEvents: number): string[] {
  const { activeBefore, activeAfter, takeoverMs, duplicateAddressMs, answeredByTwoMs } = phase;
  if (step.expects === "stay") {
    return [
      ...(addressEvents > 0 ? [`${step.name}: virtual addresses moved, and none may`] : []),
      ...(activeAfter === activeBefore
        ? []
        : [`${step.name}: ${activeAfter ?? "no node"} is active, not ${activeBefore}`]),
    ];
  }
  if (takeoverMs === null) return [`${step.name}: no other node took the addresses over`];
  return [
    ...(activeAfter !== null && activeAfter !== activeBefore
      ? []
      : [`${step.name}: ${activeAfter ?? "no node"} says that it is active`]),
    // The old node's addresses may outlive it for as long as the takeover itself takes, not longer.
    ...(answeredByTwoMs > takeoverMs
      ? [`${step.name}: two nodes answered for an address for ${answeredByTwoMs} ms`]
      : []),
    ...(duplicateAddressMs > takeoverMs
      ? [`${step.name}: an address stood on two nodes for ${duplicateAddressMs} ms`]
      : []),
  ];
}

async function repairFailures(
  step: ScenarioStep,
  context: FaultContext,
  log: (line: string) => void,
): Promise<string[]> {
  if (step.repair === undefined) return [];
  await step.repair(context);
  log("repaired; waiting until all is well again");
  try {
    await waitForCluster(context.settings, isWell, {
      limitMs: REPAIR_LIMIT_MS,
      until: "all is well after the repair",
      signal: context.signal,
    });
    return [];
  } catch (error) {
    if (error instanceof ProblemError) return [`${step.name}: ${error.problem.message}`];
    throw error;
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

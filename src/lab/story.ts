/**
 * `npm start`: a cluster on this machine, real traffic through it, the power cut at its active node, and the
 * verdict. Then it goes on for whoever wants to play, and cleans everything up at the end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { formatDurationMs, parseDurationMs } from "../base/duration.ts";
import { type Problem, ProblemError } from "../base/problem.ts";
import { checkHost } from "./host-check.ts";
import { Interruption } from "./interruption.ts";
import { labDown, labUp } from "./lab.ts";
import { abandonedLabs } from "./lab-folder.ts";
import { defaultLabSettings, type LabSettings, virtualAddresses } from "./lab-plan.ts";
import { findScenario, playStep } from "./scenarios/run-scenario.ts";
import { Stage } from "./scenarios/stage.ts";
import { PlayView } from "./story/play-view.ts";
import { Screen } from "./story/screen.ts";
import { hintLines, picture, verdictLines } from "./story/story-text.ts";

interface StoryOptions {
  readonly once: boolean;
  readonly settings: LabSettings;
  readonly connections: number;
}

const USAGE = `Usage: npm start [-- OPTIONS]

  --once               end after the verdict; exit status 0 only if nothing was lost
  --interval DURATION  time between two advertisements (default 10ms)
  --connections N      TCP connections (default 500)
  --name LAB           the lab's name (default ${defaultLabSettings.name})
`;

// The traffic flows undisturbed for so long before the countdown.
const CALM_MS = 4_000;
const COUNTDOWN = 3;
const EXIT_LOST = 1;
const EXIT_BAD_INPUT = 2;
const EXIT_UNAVAILABLE = 69; // sysexits.h, as in `tocha`
const EXIT_DEFECT = 70;

const screen = new Screen();
const tick = screen.paint("green", screen.unicode ? "✓" : "ok");
const options = readOptions(process.argv.slice(2));
if (options !== undefined) await main(options);

function readOptions(args: readonly string[]): StoryOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        interval: { type: "string", default: "10ms" },
        connections: { type: "string", default: "500" },
        name: { type: "string", default: defaultLabSettings.name },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const intervalMs = parseDurationMs(values.interval);
    const connections = Number(values.connections);
    if (intervalMs === undefined || !(Number.isInteger(connections) && connections > 0)) {
      throw new TypeError("--interval is a duration such as 10ms, and --connections a whole number");
    }
    if (values.help) {
      process.stdout.write(USAGE);
      return undefined;
    }
    const settings = { ...defaultLabSettings, name: values.name, intervalMs };
    return { once: values.once, settings, connections };
  } catch (error) {
    // parseArgs says what it does not understand.
    process.stderr.write(`tocha: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = EXIT_BAD_INPUT;
    return undefined;
  }
}

async function main(story: StoryOptions): Promise<void> {
  const interruption = new Interruption();
  // A defect of ours leaves nothing behind either.
  process.once("uncaughtException", (error) => {
    process.stderr.write(`tocha: a defect ended the story: ${error.stack ?? error.message}\n`);
    void labDown(story.settings.name).finally(() => process.exit(EXIT_DEFECT));
  });
  try {
    const well = await interruption.during(() => tell(story, interruption.signal));
    if (well === false) process.exitCode = EXIT_LOST;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    screen.say(...problemLines(error.problem));
    process.exitCode = EXIT_UNAVAILABLE;
  }
}

/** @returns whether every promise was kept up to the verdict */
async function tell(story: StoryOptions, signal: AbortSignal): Promise<boolean> {
  const { settings, connections } = story;
  // Before anything else is said: what this machine lacks, if anything.
  await checkHost();
  for (const lab of abandonedLabs()) {
    await labDown(lab);
    screen.say(`  ${tick} removed what an earlier run had left behind (lab "${lab}")`);
  }
  screen.say(
    "",
    `  ${screen.paint("bold", "Tocha")}: two gateways, one torch. A gateway may die; the connections live.`,
    "",
    ...picture(screen),
    "",
  );
  await labUp(settings, { owned: true, signal });
  try {
    screen.say(`  ${tick} lab "${settings.name}" built: 5 network namespaces, nothing outside of them`);
    return await play(story, connections, signal);
  } finally {
    screen.keep();
    screen.say("", "  Cleaning up...");
    await labDown(settings.name);
    screen.say(`  ${tick} nothing is left behind`);
  }
}

async function play(story: StoryOptions, connections: number, signal: AbortSignal): Promise<boolean> {
  const { settings } = story;
  const log = (line: string) => screen.say(`  ${tick} ${line}`);
  log(`gateways start, advertisements every ${formatDurationMs(settings.intervalMs)}`);
  const stage = await Stage.set(settings, {
    ...{ connections, backgroundFlows: 0, reopen: !story.once, signal, log },
  });
  try {
    await new PlayView(stage, screen).run(signal, CALM_MS);
    screen.keep();
    await countDown(stage.first, signal);
    const { well, active } = await cutPower(stage, signal);
    if (!story.once) {
      screen.say("", ...hintLines(screen, settings.name, { dead: stage.first, active }), "");
      await new PlayView(stage, screen).run(signal);
    }
    return well;
  } finally {
    await stage.close();
  }
}

async function countDown(node: string, signal: AbortSignal): Promise<void> {
  screen.say("");
  for (let seconds = COUNTDOWN; seconds > 0; seconds--) {
    screen.show([`  ${screen.paint("yellow", `The power of ${node} is cut in ${seconds}...`)}`]);
    await sleep(1_000, undefined, { signal });
  }
}

async function cutPower(stage: Stage, signal: AbortSignal): Promise<{ well: boolean; active: string }> {
  const { settings, first } = stage;
  const [step] = findScenario("power-off").steps;
  if (step === undefined) throw new Error("the scenario power-off has no step");
  const context = { settings, active: first, first, silent: false, signal };
  const played = await playStep(stage, step, context, (line) => {
    screen.say(`  ${screen.paint("yellow", screen.unicode ? "⚡" : "!!")} ${line}`);
  });
  const { streams } = played;
  const failures = [
    ...(streams.lost > 0 ? [`${streams.lost} of ${streams.connections} connections were lost.`] : []),
    ...(streams.corrupted > 0 ? [`${streams.corrupted} connections carried wrong bytes.`] : []),
    ...played.failures,
  ];
  screen.say(
    "",
    ...picture(screen, { active: played.phase.activeAfter ?? undefined, off: [first] }),
    "",
    ...verdictLines(screen, played, {
      ipv6Connections: stage.streams.ipv6Connections,
      addresses: virtualAddresses(settings),
      failures,
    }),
  );
  return { well: failures.length === 0, active: played.phase.activeAfter ?? first };
}

function problemLines({ message, hint }: Problem): string[] {
  return [
    `  ${screen.paint("red", "It cannot go on:")} ${message}`,
    ...(hint === undefined ? [] : [`  ${screen.paint("cyan", "->")} ${hint}`]),
  ];
}

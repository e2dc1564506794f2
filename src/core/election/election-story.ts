import { parseDurationMs } from "../../base/duration.ts";
import { parseIp } from "../../base/ip.ts";
import type { Pulse } from "../../wire/pulse.ts";
import type { CheckVerdict } from "../health/check-set.ts";
import { Election } from "./election.ts";
import type { ElectionEffect, GroupRole } from "./election-types.ts";

// Tests of the election read like a story. A story is a list of scenes; a scene is what happens, a line of dashes, and
// all that the election does then. The last line of a scene is its role, its next deadline, and when a standby takes
// over if it hears nothing more. Times count from the start; (remarks) in parentheses are not compared. Words, one line each:
//
//     node gw1 priority=100 interval=1s [pulse=500ms] [preempt] [preemptDelay=5s] [skewOf=1s] [peers=gw2,gw3]
//         [faces=lan,wan]                         faces are IPv4
//     up FACE...   down FACE...   ready   unready   complete   incomplete   stop   switchover [PEER]
//     check NAME ok|failing|pending [weight=N] [veto] [settle=1500ms]     its words are "no answer"
//     standby [force]   resume
//     drained TOKEN yes|no
//     advert FACE SOURCE priority=N [interval=1s] [id=51]
//     pulse PEER ROLE priority=N [complete] [resigning] [wants] [incomplete] [path=lan] [deaf] [gave-way]
//         [heir=me|other] [reserve] [fit] [other-document]
//                                                 pulses pass on sync, lan, wan; an active is complete unless
//                                                 the story says otherwise; one that is deaf hears nothing of us
//     arbiter PEER|-                              stay down for this peer, or do not
//     cut-off yes|no                              stay down as long as nobody is heard, or do not
//     overtaken PEER PATH                         a pulse that a newer one was quicker than, on another path
//     advance 3.609s [late=350ms]     deadlines on the way are kept to the moment, or missed by so much each
//     sleep 5s            the time passes and nothing runs
//     busy 10ms           the same, and the node knows why: its loop waits for another group
//
// Pulses alone, sent at each interval, are not listed.

const REVISION = "0000000000000001";

/** More deadlines than any story needs in one advance. */
const TURNS_MAX = 10_000;

export interface Scene {
  readonly input: readonly string[];
  readonly expected: string;
}

export function readStory(text: string): readonly Scene[] {
  const lines = text
    .split("\n")
    .map((line) => line.replace(/\(.*?\)/g, "").trim())
    .filter((line) => !line.startsWith("#"));
  const scenes: Scene[] = [];
  let input: string[] = [];
  let expected: string[] | undefined;
  for (const line of [...lines, ""]) {
    if (line === "----") {
      expected = [];
    } else if (line === "" && expected !== undefined) {
      scenes.push({ input, expected: expected.join("\n") });
      input = [];
      expected = undefined;
    } else if (line !== "") {
      (expected ?? input).push(line);
    }
  }
  return scenes;
}

export interface PlayedScene {
  readonly told: string;
  readonly expected: string;
  readonly after: string;
}

export function playStory(text: string): PlayedScene[] {
  const teller = new StoryTeller();
  return readStory(text).map((scene) => ({
    told: teller.play(scene),
    expected: scene.expected,
    after: `after: ${scene.input.join("; ")}`,
  }));
}

/** One election and the clock that it lives by. */
export class StoryTeller {
  #nowMs = 0;
  #election: Election | undefined;
  #pulseIntervalMs = 0;
  #lines: string[] = [];
  readonly #checks = new Map<string, CheckVerdict>();

  /** @returns what the election did, and its role and deadline after it */
  play(scene: Scene): string {
    this.#lines = [];
    for (const line of scene.input) this.#act(line.split(/\s+/));
    const { role, deadline, view } = this.election;
    const takeover = view.takeoverDueMs === undefined ? "" : `  takeover=${time(view.takeoverDueMs)}`;
    return [...this.#lines, `${role}  deadline=${time(deadline)}${takeover}`].join("\n");
  }

  get election(): Election {
    if (this.#election === undefined) throw new Error("a story begins with a node");
    return this.#election;
  }

  #act([verb = "", ...words]: readonly string[]): void {
    const now = this.#nowMs;
    const options = new Map(words.map((word) => [word.split("=")[0] ?? "", word.split("=")[1] ?? ""]));
    const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);
    switch (verb) {
      case "node":
        this.#pulseIntervalMs = duration(options.get("pulse") ?? options.get("interval") ?? "1s");
        this.#election = newElection(words[0] ?? "", options, this.#pulseIntervalMs);
        break;
      case "up":
      case "down":
        for (const face of words) this.#tell(this.election.faceChanged(now, face, verb === "up"));
        break;
      case "ready":
      case "unready":
        this.#tell(this.election.readinessChanged(now, { gatewayReady: verb === "ready" }));
        break;
      case "complete":
      case "incomplete":
        this.#tell(this.election.readinessChanged(now, { tableComplete: verb === "complete" }));
        break;
      case "check": {
        const [name = "", state = "ok"] = words;
        const failure = state === "failing" ? "no answer" : "";
        const effect = { weight: number("weight", 0), veto: words.includes("veto") };
        const settleMs = duration(options.get("settle") ?? "0ms");
        this.#checks.set(name, { name, state: state as CheckVerdict["state"], failure, settleMs, ...effect });
        this.#tell(this.election.readinessChanged(now, { checks: [...this.#checks.values()] }));
        break;
      }
      case "standby": {
        const maintenance = { why: "set aside by ops", force: words.includes("force") };
        this.#tell(this.election.readinessChanged(now, { maintenance }));
        break;
      }
      case "resume":
        this.#tell(this.election.readinessChanged(now, { maintenance: null }));
        break;
      case "advert":
        this.#tell(
          this.election.receiveAdvertisement(now, words[0] ?? "", address(words[1] ?? ""), {
            virtualRouterId: number("id", 51),
            priority: number("priority", 0),
            intervalCs: duration(options.get("interval") ?? "1s") / 10,
            addresses: [address("10.1.0.1")],
          }),
        );
        break;
      case "pulse":
        this.#tell(
          this.election.receivePulse(
            now,
            options.get("path") ?? "sync",
            pulseOf(words, options, this.#pulseIntervalMs),
          ),
        );
        break;
      case "arbiter":
        this.#tell(this.election.arbitrated(now, words[0] === "-" ? undefined : words[0]));
        break;
      case "cut-off":
        this.#tell(
          this.election.readinessChanged(now, { cutOff: words[0] === "yes" ? "it is cut off" : null }),
        );
        break;
      case "overtaken":
        this.#tell(this.election.receiveOvertaken(now, words[1] ?? "", words[0] ?? ""));
        break;
      case "switchover": {
        const answer = this.election.requestSwitchover(now, "maintenance", words[0]);
        if ("code" in answer) this.#lines.push(`${time(now)}  refused: ${answer.code}`);
        else this.#tell(answer);
        break;
      }
      case "drained":
        this.#tell(this.election.drained(now, Number(words[0]), words[1] === "yes"));
        break;
      case "stop":
        this.#tell(this.election.stop(now));
        break;
      case "sleep":
        this.#nowMs += duration(words[0] ?? "");
        break;
      case "busy":
        this.#nowMs += duration(words[0] ?? "");
        this.election.excuse(duration(words[0] ?? ""));
        break;
      case "advance":
        this.#advance(now + duration(words[0] ?? ""), duration(options.get("late") ?? "0ms"));
        break;
      default:
        throw new Error(`a story has no word "${verb}"`);
    }
  }

  #advance(endMs: number, lateMs: number): void {
    // The end of an advance is where a rounded deadline was meant: half a millisecond more.
    for (let turns = 0; this.election.deadline + lateMs <= endMs + 0.5; turns++) {
      if (turns > TURNS_MAX) throw new Error(`at ${time(this.#nowMs)} the deadline is due for ever`);
      this.#nowMs = Math.max(this.#nowMs, this.election.deadline + lateMs);
      this.#tell(this.election.timeout(this.#nowMs));
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #tell(effects: readonly ElectionEffect[]): void {
    const text = effects.map(tellEffect).join(", ");
    if (text !== "" && text !== "pulses") this.#lines.push(`${time(this.#nowMs)}  ${text}`);
  }
}

function tellEffect(effect: ElectionEffect): string {
  switch (effect.do) {
    case "send-advertisement":
      return `advert ${effect.face} ${effect.priority}`;
    case "send-pulses":
      return "pulses";
    case "drain":
      return `drain ${effect.token} within ${effect.limitMs}ms`;
    case "handover-refused":
      return `handover-refused ${effect.problem.code}`;
    case "conflict":
      return `conflict with ${effect.with}`;
    case "transition":
      return `${effect.from} -> ${effect.to}: ${effect.cause}`;
    default:
      return effect.do;
  }
}

function newElection(node: string, options: ReadonlyMap<string, string>, pulseIntervalMs: number): Election {
  const list = (name: string) => (options.get(name) ?? "").split(",").filter((word) => word !== "");
  const faces = options.has("faces") ? list("faces") : ["lan"];
  const own = (name: string, face: number) => Uint8Array.of(10, 1 + face, 0, 1 + Number(name.slice(2)));
  return new Election(
    {
      node,
      group: "gateway",
      virtualRouterId: 51,
      priority: Number(options.get("priority")),
      intervalMs: duration(options.get("interval") ?? "1s"),
      pulseIntervalMs,
      preempt: options.has("preempt"),
      preemptDelayMs: duration(options.get("preemptDelay") ?? "5s"),
      ...(options.has("skewOf") ? { skewOfMs: duration(options.get("skewOf") ?? "") } : {}),
      faces: faces.map((name, i) => ({ name, families: [4], addresses: [own(node, i)] })),
      peers: list("peers").map((name) => ({
        name,
        priority: peerPriority(name),
        addresses: faces.map((_, i) => own(name, i)),
      })),
      paths: ["sync", ...faces],
      revision: REVISION,
    },
    0,
  );
}

/** What the document gives the peers of a story: gw1 110, gw2 100, gw3 90. */
function peerPriority(name: string): number {
  return 120 - 10 * Number(name.slice(2));
}

function pulseOf(words: readonly string[], options: ReadonlyMap<string, string>, intervalMs: number): Pulse {
  return {
    sender: words[0] ?? "",
    recipient: "gw1",
    session: 1n,
    echo: 1n,
    sequence: 1,
    group: "gateway",
    path: options.get("path") ?? "sync",
    heard: options.has("deaf") ? 0 : 0xff,
    role: words[1] as GroupRole,
    effectivePriority: Number(options.get("priority")),
    tableComplete: options.has("complete") || (words[1] === "active" && !options.has("incomplete")),
    resigning: options.has("resigning"),
    wantsToBeActive: options.has("wants"),
    gaveWay: options.has("gave-way"),
    inReserve: options.has("reserve"),
    fitInNeed: options.has("fit"),
    heir: options.has("heir") ? (options.get("heir") === "me" ? "recipient" : "other") : "none",
    watermark: 0,
    revision: options.has("other-document") ? "0000000000000002" : REVISION,
    intervalMs,
    advertisementSources: [],
  };
}

function time(timeMs: number): string {
  return timeMs === Number.POSITIVE_INFINITY ? "never" : `${Math.round(timeMs) / 1_000}s`;
}

function duration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw new Error(`"${text}" is no duration`);
  return durationMs;
}

function address(text: string) {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`"${text}" is no address`);
  return ip;
}

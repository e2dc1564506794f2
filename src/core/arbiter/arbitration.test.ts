import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Arbitration, type ArbitrationEffect, type Standing } from "./arbitration.ts";
import { FakeEtcd } from "./fake-etcd.test-data.ts";

const LEASE_MS = 6_000;
const ROUND_TRIP_MS = 5;
/** How long nobody answers before a node gives up one question. */
const LIMIT_MS = 1_000;

/** Nodes with their arbitrations around one arbiter, on virtual time. */
class World {
  nowMs = 0;
  readonly etcd = new FakeEtcd(LEASE_MS);
  readonly nodes = new Map<string, Node>();
  readonly #queue: { atMs: number; run: () => void }[] = [];

  constructor(names: readonly string[], options: { readonly exclusive?: boolean } = {}) {
    for (const name of names)
      this.nodes.set(
        name,
        new Node(
          this,
          name,
          names.filter((other) => other !== name),
          options,
        ),
      );
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    assert.ok(node !== undefined);
    return node;
  }

  at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, run });
  }

  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    for (let turns = 0; turns < 100_000; turns++) {
      this.#queue.sort((a, b) => a.atMs - b.atMs);
      const deadlines = [...this.nodes.values()].map((node) => ({
        atMs: node.deadline,
        run: () => node.wake(),
      }));
      const next = [this.#queue[0], ...deadlines]
        .filter((one) => one !== undefined)
        .reduce((a, b) => (b.atMs < a.atMs ? b : a));
      if (next.atMs > endMs) {
        this.nowMs = endMs;
        return;
      }
      if (next === this.#queue[0]) this.#queue.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    assert.fail("something is due for ever");
  }

  tell(standings: Readonly<Record<string, Partial<Standing>>>): void {
    for (const [name, standing] of Object.entries(standings)) this.node(name).stand(standing);
  }

  get states(): Record<string, string> {
    return Object.fromEntries([...this.nodes].map(([name, { machine }]) => [name, machine.view.state]));
  }
}

class Node {
  readonly #world: World;
  readonly #name: string;
  readonly machine: Arbitration;
  #standing: Standing = { role: "init", seen: [], isAlone: false, lostTo: undefined, cutOff: null };
  alive = true;
  /** What it was told to do, in order. */
  readonly told: string[] = [];
  permitted = false;
  asked = 0;
  /** Whether it reaches the arbiter. */
  connected = true;

  constructor(
    world: World,
    name: string,
    peers: readonly string[],
    options: { readonly exclusive?: boolean },
  ) {
    this.#world = world;
    this.#name = name;
    this.machine = new Arbitration({ node: name, peers, leaseMs: LEASE_MS, intervalMs: 100, ...options }, 0);
  }

  get deadline(): number {
    return this.alive ? this.machine.deadline : Number.POSITIVE_INFINITY;
  }

  wake(): void {
    this.#perform(this.machine.timeout(this.#world.nowMs));
  }

  stand(standing: Partial<Standing>): void {
    this.#standing = { ...this.#standing, ...standing };
    this.#perform(this.machine.stands(this.#world.nowMs, this.#standing));
  }

  #perform(effects: readonly ArbitrationEffect[]): void {
    const world = this.#world;
    for (const effect of effects) {
      if (effect.do === "permit") this.permitted = effect.granted;
      if (effect.do === "tell") {
        this.told.push(effect.lostTo ?? "-");
        // As the failover role does; it is standby before it is active again.
        const role = effect.lostTo === undefined ? "standby" : "fault";
        world.at(world.nowMs + 1, () => this.stand({ lostTo: effect.lostTo, role }));
        if (effect.lostTo === undefined)
          world.at(world.nowMs + 400, () => {
            if (this.#standing.seen.length === 0 && this.#standing.lostTo === undefined)
              this.stand({ role: "active" });
          });
      }
      if (effect.do !== "ask") continue;
      this.asked += 1;
      const { request } = effect;
      const arrives = world.etcd.up && this.connected;
      world.at(world.nowMs + (arrives ? ROUND_TRIP_MS : LIMIT_MS), () => {
        if (!this.alive) return;
        if (arrives && world.etcd.up && this.connected)
          this.#perform(this.machine.answered(world.nowMs, world.etcd.do(world.nowMs, this.#name, request)));
        else this.#perform(this.machine.failed(world.nowMs, "no answer in time"));
      });
    }
  }
}

/** gw1 is active, gw2 hears it: all is well. */
function whole(options: { readonly exclusive?: boolean } = {}): World {
  const world = new World(["gw1", "gw2"], options);
  world.tell({ gw1: { role: "active", seen: ["gw2"] }, gw2: { role: "standby", seen: ["gw1"] } });
  world.run(2_000);
  return world;
}

/** Then they lose sight of each other, and gw2 takes over. */
function apart(): World {
  const world = whole();
  // It takes over a little before it counts gw1 as gone; and here gw1 notices last.
  world.tell({ gw2: { role: "active" } });
  world.run(40);
  world.tell({ gw2: { seen: [] } });
  world.run(100);
  world.tell({ gw1: { seen: [] } });
  return world;
}

describe("arbitration", () => {
  it("asks for nothing but a sign of life while everybody is in sight", () => {
    const world = whole();
    const before = world.node("gw1").asked;
    world.run(20_000);
    assert.deepEqual(world.states, { gw1: "none", gw2: "none" });
    assert.equal(world.etcd.holder(world.nowMs), undefined);
    assert.ok(world.node("gw1").asked - before <= 5);
    assert.equal(world.node("gw1").machine.view.reachable, true);
  });

  it("leaves the role where it was in a partition: the newcomer steps down, and soon", () => {
    const world = apart();
    world.run(500);
    assert.deepEqual(world.states, { gw1: "held", gw2: "asking" });
    world.run(4_000);
    assert.deepEqual(world.states, { gw1: "held", gw2: "lost" });
    assert.deepEqual(world.node("gw2").told, ["gw1"]);
    world.run(60_000);
    assert.deepEqual(world.states, { gw1: "held", gw2: "lost" });
    assert.deepEqual(world.node("gw1").told, []);
  });

  it("lets the other one ask first also where the newcomer was just asking for a sign of life", () => {
    const world = whole();
    const newcomer = world.node("gw2");
    world.run(newcomer.deadline - world.nowMs);
    newcomer.stand({ role: "active", seen: [] });
    world.run(400);
    assert.equal(world.etcd.holder(world.nowMs), undefined);
    world.tell({ gw1: { seen: [] } });
    world.run(4_000);
    assert.deepEqual(world.states, { gw1: "held", gw2: "lost" });
  });

  it("takes the key a second after a takeover, if nobody else has it by then", () => {
    const world = whole();
    const newcomer = world.node("gw2");
    world.node("gw1").alive = false;
    world.run(newcomer.deadline - world.nowMs);
    newcomer.stand({ role: "active", seen: [] });
    world.run(990);
    assert.equal(world.etcd.holder(world.nowMs), undefined);
    world.run(30);
    assert.equal(world.etcd.holder(world.nowMs), "gw2");
  });

  it("gives the role back to the one that stepped down when it sees the other again, and the key back as well", () => {
    const world = apart();
    world.run(10_000);
    world.tell({ gw1: { seen: ["gw2"] }, gw2: { seen: ["gw1"] } });
    world.run(1_000);
    assert.deepEqual(world.states, { gw1: "none", gw2: "none" });
    assert.deepEqual(world.node("gw2").told, ["gw1", "-"]);
    assert.equal(world.etcd.holder(world.nowMs), undefined);
  });

  it("does not step down for a node that is dead, though its key is still there", () => {
    const world = whole();
    // gw1 held the key, for a third node perhaps; then both lose sight of all, and gw1 its power.
    world.tell({ gw1: { seen: [] }, gw2: { seen: [], role: "standby" } });
    world.run(1_000);
    assert.equal(world.etcd.holder(world.nowMs), "gw1");
    world.node("gw1").alive = false;
    world.tell({ gw2: { role: "active" } });
    world.run(30_000);
    assert.deepEqual(world.node("gw2").told, []);
    assert.equal(world.node("gw2").machine.view.state, "held");
  });

  it("takes the role when the other one dies later", () => {
    const world = apart();
    world.run(10_000);
    assert.deepEqual(world.node("gw2").told, ["gw1"]);
    world.node("gw1").alive = false;
    world.run(20_000);
    assert.deepEqual(world.node("gw2").told, ["gw1", "-"]);
    assert.equal(world.node("gw2").machine.view.state, "held");
    assert.equal(world.etcd.holder(world.nowMs), "gw2");
  });

  it("does not stay down for a node that has lost the key since then to one that is in sight", () => {
    const world = new World(["gw1", "gw2", "gw3"]);
    world.tell({ gw1: { role: "active", seen: ["gw2", "gw3"] } });
    world.run(2_000);
    // gw2 and gw3 still hear each other; one takes over after the other, and both lose to gw1.
    world.tell({ gw1: { seen: [] }, gw2: { role: "active", seen: ["gw3"] } });
    world.run(10_000);
    world.tell({ gw3: { role: "active", seen: ["gw2"] } });
    world.run(10_000);
    assert.deepEqual(world.states, { gw1: "held", gw2: "lost", gw3: "lost" });
    world.node("gw1").alive = false;
    world.run(7_000);
    const holder = world.etcd.holder(world.nowMs);
    assert.ok(holder === "gw2" || holder === "gw3", `${holder}`);
    world.tell({ [holder]: { role: "active" } });
    world.run(20_000);
    const other = holder === "gw2" ? "gw3" : "gw2";
    assert.deepEqual(world.states, { gw1: "held", [holder]: "held", [other]: "none" });
    assert.deepEqual(world.node(other).told, ["gw1", "-"]);
  });

  it("changes nothing when the arbiter is lost, whoever has what, and goes on when it is back", () => {
    for (let phaseMs = 0; phaseMs < 2_000; phaseMs += 50) afterOutage(phaseMs);
  });

  function afterOutage(phaseMs: number): void {
    const world = apart();
    // Who asks first when the arbiter is back differs by when it went and when it came.
    world.run(10_000 + 3 * phaseMs);
    world.etcd.up = false;
    world.run(60_000 + phaseMs);
    assert.deepEqual(world.states, { gw1: "unreachable", gw2: "lost" });
    assert.equal(world.node("gw2").machine.view.reachable, false);
    assert.deepEqual([world.node("gw1").told, world.node("gw2").told], [[], ["gw1"]]);
    world.etcd.up = true;
    world.run(20_000);
    assert.deepEqual(world.states, { gw1: "held", gw2: "lost" });
    assert.deepEqual(world.node("gw1").told, []);
  }

  it("lets both serve while there is no arbiter to be reached", () => {
    const world = whole();
    world.etcd.up = false;
    world.tell({ gw1: { seen: [] }, gw2: { seen: [], role: "active" } });
    world.run(30_000);
    assert.deepEqual(world.states, { gw1: "unreachable", gw2: "unreachable" });
    assert.deepEqual([world.node("gw1").told, world.node("gw2").told], [[], []]);
  });

  it("steps down for a node that has taken the key meanwhile, when the arbiter can be reached again", () => {
    const world = whole();
    world.node("gw1").connected = false;
    world.tell({ gw1: { seen: [] }, gw2: { seen: [], role: "active" } });
    world.run(20_000);
    assert.deepEqual(world.states, { gw1: "unreachable", gw2: "held" });
    world.node("gw1").connected = true;
    world.run(10_000);
    assert.deepEqual(world.states, { gw1: "lost", gw2: "held" });
  });

  it("remembers by the failover role that it lost, when it is started again itself", () => {
    const world = apart();
    world.run(10_000);
    const again = new World(["gw2", "gw1"]);
    const alone = { seen: [], isAlone: true, cutOff: null };
    const effects = again.node("gw2").machine.stands(0, { role: "fault", ...alone, lostTo: "gw1" });
    assert.ok(!effects.some(({ do: what }) => what === "tell"));
    assert.equal(again.node("gw2").machine.view.state, "lost");
  });

  it("tells a failover role that was started again, and does not know", () => {
    const world = apart();
    world.run(10_000);
    world.tell({ gw2: { role: "active", lostTo: undefined } });
    assert.deepEqual(world.node("gw2").told, ["gw1", "gw1"]);
  });

  it("takes its own key over when it was started again", () => {
    const world = apart();
    world.run(10_000);
    const revived = new Arbitration({ node: "gw1", peers: ["gw2"], leaseMs: LEASE_MS, intervalMs: 100 }, 0);
    const ruled = { lostTo: undefined, cutOff: null };
    let effects = revived.stands(0, { role: "active", seen: [], isAlone: true, ...ruled });
    effects = revived.timeout(revived.deadline);
    for (let i = 0; i < 5; i++) {
      const ask = effects.find((effect) => effect.do === "ask");
      if (ask?.do !== "ask") break;
      effects = revived.answered(2_000, world.etcd.do(world.nowMs, "gw1", ask.request));
    }
    assert.equal(revived.view.state, "held");
  });
});

describe("arbitration, exclusive", () => {
  it("permits one node, before it serves", () => {
    const world = whole({ exclusive: true });
    assert.deepEqual([...world.nodes.values()].filter(({ permitted }) => permitted).length, 1);
    world.run(30_000);
    assert.deepEqual([...world.nodes.values()].filter(({ permitted }) => permitted).length, 1);
  });

  it("ends the permission before the lease can run out, when the arbiter does not answer", () => {
    const world = whole({ exclusive: true });
    const holder = [...world.nodes.values()].find(({ permitted }) => permitted);
    assert.ok(holder !== undefined);
    world.etcd.up = false;
    let endedMs: number | undefined;
    const from = world.nowMs;
    for (let i = 0; i < 1_000 && endedMs === undefined; i++) {
      world.run(10);
      if (!holder.permitted) endedMs = world.nowMs - from;
    }
    assert.ok(endedMs !== undefined && endedMs < LEASE_MS, `${endedMs}`);
    world.etcd.up = true;
    world.run(20_000);
    assert.deepEqual([...world.nodes.values()].filter(({ permitted }) => permitted).length, 1);
  });

  it("never permits two, whoever is cut off from the arbiter, and for how long", () => {
    for (let seed = 0; seed < 40; seed++) {
      const world = whole({ exclusive: true });
      for (let step = 0; step < 200; step++) {
        const node = world.node((step * 7 + seed) % 3 === 0 ? "gw1" : "gw2");
        node.connected = (step * 13 + seed * 5) % 4 !== 0;
        world.run(97 + ((seed * 31 + step * 17) % 900));
        const permitted = [...world.nodes].filter(([, one]) => one.permitted).map(([name]) => name);
        assert.ok(permitted.length <= 1, `seed ${seed}, step ${step}: ${permitted.join(" and ")}`);
      }
    }
  });
});

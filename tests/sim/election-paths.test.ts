import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Movements } from "./election-checkers.ts";
import { type Checker, VirtualCluster } from "./election-cluster.ts";
import { NoFlapping } from "./election-component-checkers.ts";
import { cutDirections, startNode } from "./election-faults.ts";
import { boot, runTo } from "./election-history.ts";
import { type Path, paths } from "./election-network.ts";
import type { VirtualNode } from "./election-node.ts";
import { everyPromise } from "./election-promises.ts";

// Each line of the table "Paths that fail" of docs/guide/failover.md, by what its first cell says: two nodes on virtual time, all
// three paths, nothing else amiss. tests/netns/paths.test.ts shows the same of the real kernel.

const SEEDS = 4;
/** Every choice of one and of two paths. */
const SOME: readonly (readonly Path[])[] = [
  ...paths.map((path) => [path]),
  ...paths.map((left) => paths.filter((path) => path !== left)),
];

const lines: Readonly<Record<string, (run: PathsRun) => void>> = {
  "any one or two paths, in one direction or in both": (run) => {
    for (const some of SOME) {
      for (const directions of [["gw1>gw2"], ["gw2>gw1"], ["gw1>gw2", "gw2>gw1"]] as const) {
        const mend = run.cut(some, directions);
        run.settle();
        const rest = paths.filter((path) => !some.includes(path));
        for (const [from, to] of [
          ["gw1", "gw2"],
          ["gw2", "gw1"],
        ] as const) {
          const isCut = directions.some((direction) => direction === `${from}>${to}`);
          assert.deepEqual(run.heardBy(to), isCut ? rest : paths, `${to}, ${directions} of ${some} cut`);
          assert.deepEqual(run.toldTo(from), isCut ? rest : paths, `${from} knows of it`);
        }
        mend();
        run.settle();
      }
    }
    assert.deepEqual(run.changes, []);
  },

  "all paths from gw2 to gw1": (run) => {
    const mend = run.cut(paths, ["gw2>gw1"]);
    run.settle();
    run.gw1.requestSwitchover();
    run.settle();
    assert.deepEqual(run.heardBy("gw1"), []);
    mend();
    run.settle();
    assert.deepEqual(run.changes, []);
  },

  "all paths from gw1 to gw2": (run) => {
    run.cut(paths, ["gw1>gw2"]);
    run.settle();
    assert.deepEqual(run.changes, ["gw2: standby -> active", "gw1: active -> standby"]);
  },

  "some paths from gw1 to gw2, and all others from gw2 to gw1": (run) => {
    for (const some of SOME) {
      const others = paths.filter((path) => !some.includes(path));
      const mend = run.cross(some);
      run.settle();
      assert.deepEqual([run.heardBy("gw2"), run.heardBy("gw1")], [some, others]);
      mend();
      run.settle();
    }
    assert.deepEqual(run.changes, []);
  },

  "all paths, both directions": (run) => {
    for (const left of paths) {
      const mend = run.cut(paths, ["gw1>gw2", "gw2>gw1"]);
      run.settle();
      assert.deepEqual(run.holders, ["gw1", "gw2"]);
      mend();
      const cutAgain = run.cut(
        paths.filter((path) => path !== left),
        ["gw1>gw2", "gw2>gw1"],
      );
      // The next word of either, and the way to the other.
      run.settle(run.intervalMs + 1);
      assert.deepEqual(run.holders, ["gw1"], `by ${left} alone`);
      run.settle();
      cutAgain();
    }
    run.settle();
    assert.deepEqual(run.holders, ["gw1"]);
  },

  "a path that flaps": (run) => {
    for (const path of paths) {
      for (let turn = 0; turn < 20; turn++) {
        const mend = run.cut([path], ["gw1>gw2", "gw2>gw1"]);
        run.settle((0.2 + 6 * run.cluster.random()) * run.intervalMs);
        mend();
        run.settle((0.2 + 2 * run.cluster.random()) * run.intervalMs);
      }
    }
    assert.deepEqual(run.changes, []);
  },

  "a face of the active that loses its carrier": (run) => {
    run.gw1.setFace("wan", false);
    run.settle();
    run.gw1.setFace("wan", true);
    run.settle(20_000);
    assert.deepEqual(run.takeovers, ["gw2"]);
  },

  "a face of the active that flaps": (run) => {
    run.flapLan();
    run.settle(20_000);
    assert.deepEqual(run.takeovers, ["gw2"]);

    const preempting = run.another({ preempt: true });
    preempting.flapLan();
    // It is well from now on; its own clock may run a little faster than the cluster's.
    preempting.settle(4_900);
    assert.deepEqual(preempting.takeovers, ["gw2"]);
    preempting.settle(1_000 + 10 * run.intervalMs);
    assert.deepEqual(preempting.takeovers, ["gw2", "gw1"]);
    preempting.settle(20_000);
    assert.deepEqual(preempting.takeovers, ["gw2", "gw1"]);
  },

  "a face of the active without loss of carrier, as behind a dead switch": (run) => {
    for (const face of ["lan", "wan"] as const) {
      const mend = run.cut([face], ["gw1>gw2", "gw2>gw1"]);
      run.settle(20_000);
      mend();
    }
    assert.deepEqual(run.changes, []);
  },

  "an address or device of a path that disappears": (run) => {
    // Nothing is sent or received there (src/daemon/drivers/pulse-paths.test.ts), as if it were cut.
    for (const path of paths) {
      const mend = run.cut([path], ["gw1>gw2", "gw2>gw1"]);
      run.settle();
      const rest = paths.filter((one) => one !== path);
      assert.deepEqual([run.heardBy("gw1"), run.heardBy("gw2")], [rest, rest]);
      mend();
      run.settle();
      assert.deepEqual([run.heardBy("gw1"), run.heardBy("gw2")], [paths, paths]);
    }
    assert.deepEqual(run.changes, []);
  },
};

describe("paths that fail, by the lines of the table", () => {
  it("has a test for each of them", () => {
    const guide = readFileSync(new URL("../../docs/guide/failover.md", import.meta.url), "utf8");
    const table = guide.split("\n## Paths that fail\n")[1]?.split("\n## ")[0] ?? "";
    const [, , ...rows] = table.split("\n").filter((row) => row.startsWith("|"));
    assert.deepEqual(
      rows.map((row) => row.split("|")[1]?.trim()),
      Object.keys(lines),
    );
  });

  for (const [line, act] of Object.entries(lines)) each(line, act);
});

describe("all paths from gw1 to gw2", () => {
  each("a gw1 of lower rank gives way at once", (run) => {
    run.makeActive("gw2");
    run.cut(paths, ["gw2>gw1"]);
    // What is lost takes three intervals and a skew to miss, and then the first word of the new active ends it.
    run.settle();
    assert.deepEqual(run.holders, ["gw1"]);
    assert.ok(run.sharedMs <= run.intervalMs, `both held the addresses for ${run.sharedMs} ms`);
  });
});

describe("some paths from gw1 to gw2, and all others from gw2 to gw1, when a node starts anew", () => {
  for (const [starting, active] of [
    [["gw2"], ["gw1"]],
    [["gw1"], ["gw2"]],
    [["gw1", "gw2"], undefined],
  ] as const) {
    each(`${starting.join(" and ")}: they hear each other crosswise, and one is active`, (run) => {
      for (const some of SOME) {
        const mend = run.cross(some);
        run.settle();
        for (const name of starting) run.restart(run.cluster.node(name));
        run.settle(80 * run.intervalMs);
        const others = paths.filter((path) => !some.includes(path));
        assert.deepEqual([run.heardBy("gw2"), run.heardBy("gw1")], [some, others]);
        assert.equal(run.holders.length, 1);
        assert.deepEqual(run.holders, active ?? run.holders);
        mend();
        run.makeActive("gw1");
      }
    });
  }
});

class PathsRun {
  readonly cluster: VirtualCluster;
  readonly gw1: VirtualNode;
  readonly gw2: VirtualNode;
  readonly #options: { readonly seed: number; readonly intervalMs: number };
  readonly #movements = new Movements();
  readonly #shared = new SharedTime();

  constructor(
    options: { readonly seed: number; readonly intervalMs: number },
    { preempt = false }: { readonly preempt?: boolean } = {},
  ) {
    this.#options = options;
    const { seed, intervalMs } = options;
    this.cluster = new VirtualCluster({
      ...{ seed, nodes: 2, intervalMs, pulseIntervalMs: intervalMs, pulsePaths: paths, preempt },
      ...{ ipv6: seed % 2 === 0, attacker: true },
      // How often it moves is what each line says.
      checkers: [
        ...everyPromise().filter((promise) => !(promise instanceof NoFlapping)),
        ...[this.#movements, this.#shared],
      ],
    });
    this.cluster.isCalm = true;
    this.gw1 = this.cluster.node("gw1");
    this.gw2 = this.cluster.node("gw2");
    runTo(this.cluster, boot(this.cluster));
    // Whichever started first: the higher one is the active of the table.
    this.makeActive("gw1");
    this.#movements.arm(this.cluster);
  }

  another(options: { readonly preempt: boolean }): PathsRun {
    return new PathsRun(this.#options, options);
  }

  get intervalMs(): number {
    return this.#options.intervalMs;
  }

  get changes(): readonly string[] {
    return this.#movements.changes;
  }

  get takeovers(): readonly string[] {
    return this.#movements.takeovers;
  }

  get sharedMs(): number {
    return this.#shared.longestMs;
  }

  get holders(): string[] {
    return this.cluster.nodes.filter(({ holdsAddresses }) => holdsAddresses).map(({ name }) => name);
  }

  settle(durationMs = 30 * this.intervalMs + 50): void {
    runTo(this.cluster, this.cluster.nowMs + durationMs);
  }

  cut(some: readonly Path[], directions: readonly ("gw1>gw2" | "gw2>gw1")[]): () => void {
    return cutDirections(
      this.cluster,
      some,
      directions.map((one) => (one === "gw1>gw2" ? [this.gw1, this.gw2] : [this.gw2, this.gw1])),
    );
  }

  /** These pass from gw1 to gw2 only, all others the other way. */
  cross(some: readonly Path[]): () => void {
    const others = paths.filter((path) => !some.includes(path));
    const mends = [this.cut(others, ["gw1>gw2"]), this.cut(some, ["gw2>gw1"])];
    return () => {
      for (const mend of mends) mend();
    };
  }

  makeActive(name: "gw1" | "gw2"): void {
    this.settle();
    for (const node of this.cluster.nodes) if (node.name !== name) node.requestSwitchover();
    this.settle();
    assert.deepEqual(this.holders, [name]);
  }

  /** Twenty times; it is up in the end. */
  flapLan(): void {
    for (let turn = 0; turn < 20; turn++) {
      this.settle((0.5 + 3 * this.cluster.random()) * this.intervalMs);
      this.gw1.setFace("lan", turn % 2 === 1);
    }
  }

  restart(node: VirtualNode): void {
    node.crash();
    startNode(this.cluster, node);
  }

  /** The paths on which a node hears the other one. */
  heardBy(name: string): Path[] {
    return this.#pathsOf(name, ({ alive }) => alive);
  }

  /** Those on which the other one hears it, as far as it has been told. */
  toldTo(name: string): Path[] {
    return this.#pathsOf(name, ({ heardByPeer }) => heardByPeer === true);
  }

  #pathsOf(name: string, isMeant: (path: { alive: boolean; heardByPeer: boolean | undefined }) => boolean) {
    const views = this.cluster.node(name).election?.view.peers[0]?.paths ?? [];
    return paths.filter((path) => views.some((view) => view.name === path && isMeant(view)));
  }
}

/** For how long two nodes held the addresses, at most. */
class SharedTime implements Checker {
  #sinceMs: number | undefined;
  longestMs = 0;

  observe({ nodes, nowMs }: VirtualCluster): void {
    if (nodes.filter(({ holdsAddresses }) => holdsAddresses).length < 2) {
      this.#sinceMs = undefined;
      return;
    }
    this.#sinceMs ??= nowMs;
    this.longestMs = Math.max(this.longestMs, nowMs - this.#sinceMs);
  }
}

function each(title: string, act: (run: PathsRun) => void): void {
  it(title, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      for (const intervalMs of [10, 100]) {
        const run = new PathsRun({ seed, intervalMs });
        try {
          act(run);
        } catch (error) {
          const story = error instanceof assert.AssertionError ? `\n${run.cluster.story}` : "";
          throw new Error(`seed ${seed}, interval ${intervalMs} ms${story}`, { cause: error });
        }
      }
    }
  });
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type AccessRequest, accessRequestSchema, NAMES_MAX } from "../../contract/access-records.ts";
import { userAdded, userRemoved } from "../../core/access/user-records.ts";
import type { PeerSettings } from "../node-settings.ts";
import { AccessPeers } from "./access-peers.ts";
import { Sessions } from "./sessions.ts";
import { UserFile } from "./user-store.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const nowMs = 1_000_000;
const peerOf = (name: string) => ({ name }) as PeerSettings;
const admin = { role: "admin", created: "2026", password: "hash", passwordChange: 1 } as const;
const added = (name: string) => userAdded(undefined, name, { ...admin, tokens: [], removedTokens: [] });

/** Nodes that ask each other, those that are away excepted. What is asked goes through JSON and the schemas, as on the wire. */
class Cluster {
  readonly nodes = new Map<string, Node>();
  readonly away = new Set<string>();
  readonly asked: string[] = [];
  readonly said: string[] = [];

  constructor(...names: readonly string[]) {
    for (const name of names) this.nodes.set(name, this.#node(name, names));
  }

  node(name: string): Node {
    const found = this.nodes.get(name);
    assert.ok(found);
    return found;
  }

  #node(name: string, names: readonly string[]): Node {
    const folder = mkdtempSync(join(tmpdir(), "tocha-peers-"));
    folders.push(folder);
    const [store, sessions] = [new UserFile(folder), new Sessions()];
    const peers = new AccessPeers({
      ...{ peers: names.filter((one) => one !== name).map(peerOf), store, sessions, now: () => nowMs },
      log: (level, text) => this.said.push(`${name} ${level}: ${text}`),
      ask: async (peer, body) => {
        this.asked.push(`${name} ${peer.name} ${body.do}`);
        if (this.away.has(peer.name) || this.away.has(name)) throw new Error("no answer");
        const sent = accessRequestSchema.parse(JSON.parse(JSON.stringify(body))) as AccessRequest;
        const answer = this.node(peer.name).peers.carryOut(sent);
        return { status: 200, body: JSON.parse(JSON.stringify(answer)) as unknown };
      },
    });
    return { store, sessions, peers };
  }
}

interface Node {
  readonly store: UserFile;
  readonly sessions: Sessions;
  readonly peers: AccessPeers;
}

const namesOf = ({ store }: Node) => store.read().map(({ name }) => name);

describe("AccessPeers", () => {
  it("tells all others of a change, and names those that do not have it; they take it when they look", async () => {
    const cluster = new Cluster("gw1", "gw2", "gw3");
    const [one, two, three] = [cluster.node("gw1"), cluster.node("gw2"), cluster.node("gw3")];
    cluster.away.add("gw3");
    one.store.merge([added("ana")]);
    assert.deepEqual(await one.peers.share(["ana"]), ["gw3"]);
    assert.deepEqual([namesOf(two), namesOf(three)], [["ana"], []]);
    cluster.away.clear();
    await three.peers.look();
    assert.deepEqual(namesOf(three), ["ana"]);
    assert.equal(three.store.version(), one.store.version());
    // Where all is the same, nothing but the question goes over the wire.
    cluster.asked.length = 0;
    await three.peers.look();
    assert.deepEqual(cluster.asked, ["gw3 gw1 tell", "gw3 gw2 tell"]);
  });

  it("puts together what was done on both sides of a cut: the removal counts, and so do both new users", async () => {
    const cluster = new Cluster("gw1", "gw2");
    const [one, two] = [cluster.node("gw1"), cluster.node("gw2")];
    one.store.merge([added("ana")]);
    await one.peers.share(["ana"]);
    cluster.away.add("gw2");
    one.store.merge([userRemoved(added("ana")), added("bob")]);
    two.store.merge([
      { ...added("ana"), user: { ...admin, tokens: [], removedTokens: [], passwordChange: 9 } },
      added("eve"),
    ]);
    cluster.away.clear();
    await two.peers.look();
    await one.peers.look();
    for (const node of [one, two]) assert.deepEqual(namesOf(node), ["bob", "eve"]);
    assert.equal(one.store.version(), two.store.version());
  });

  it("takes over sessions, their end, and the one-time code", async () => {
    const cluster = new Cluster("gw1", "gw2");
    const [one, two] = [cluster.node("gw1"), cluster.node("gw2")];
    one.store.merge([added("ana")]);
    const [ana] = one.store.read();
    assert.ok(ana);
    one.sessions.open(nowMs, ana);
    one.sessions.merge(nowMs, [], { number: 1, digest: "0".repeat(64), untilMs: nowMs + 1 });
    await two.peers.look();
    const [session] = two.sessions.records(nowMs);
    assert.ok(session);
    assert.deepEqual(two.sessions.firstCode, one.sessions.firstCode);
    assert.ok(two.sessions.close(nowMs, session.digest));
    await two.peers.share();
    assert.equal(one.sessions.find(nowMs, session.digest), undefined);
    // It stays closed, whoever still has it open.
    one.sessions.merge(nowMs, [session], undefined);
    assert.equal(one.sessions.find(nowMs, session.digest), undefined);
  });

  it("brings many users over, in pieces", async () => {
    const cluster = new Cluster("gw1", "gw2");
    const names = Array.from({ length: 101 }, (_none, index) => `user${String(index).padStart(3, "0")}`);
    cluster.node("gw1").store.merge(names.map(added));
    await cluster.node("gw2").peers.look();
    assert.deepEqual(namesOf(cluster.node("gw2")), names);
    assert.equal(cluster.asked.filter((one) => one === "gw2 gw1 give").length, 6);
  });

  it("has a bound, over which another node cannot bring it, and says so once", async () => {
    const cluster = new Cluster("gw1", "gw2");
    const [one, two] = [cluster.node("gw1"), cluster.node("gw2")];
    one.store.merge([added("one-more")]);
    two.store.merge(Array.from({ length: NAMES_MAX }, (_none, index) => added(`user${index}`)));
    await two.peers.look();
    await two.peers.look();
    assert.equal(two.store.records().length, NAMES_MAX);
    assert.deepEqual(cluster.said, [
      "gw2 warning: users and sessions: all nodes together have had more than 10000 users",
    ]);
  });
});

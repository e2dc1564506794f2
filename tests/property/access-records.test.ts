import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  accessAnswerSchema,
  accessRequestSchema,
  type FirstCodeRecord,
  type SessionRecord,
  type TokenRecord,
  type UserRecord,
  userRecordSchema,
} from "../../src/contract/access-records.ts";
import { userRoles } from "../../src/contract/operation.ts";
import { mergeFirstCode, mergeSessions } from "../../src/core/access/session-records.ts";
import {
  mergeUsers,
  passwordSet,
  tokenAdded,
  tokenRemoved,
  userAdded,
  userRemoved,
} from "../../src/core/access/user-records.ts";

const runs = { numRuns: 500, seed: 20_261_126 };
const names = ["ana", "bob"] as const;
const ids = ["a1", "b2", "c3"] as const;
const digest = fc.constantFrom("0".repeat(64), "1".repeat(64), "2".repeat(64));
const small = fc.integer({ min: 1, max: 3 });

/** As they come out of JSON. */
const plain = { noNullPrototype: true } as const;

const token: fc.Arbitrary<TokenRecord> = fc.record(
  {
    id: fc.constantFrom(...ids),
    label: fc.constantFrom("", "metrics"),
    digest,
    role: fc.constantFrom(...userRoles),
    created: fc.constant("2026-11-26T00:00:00.000Z"),
    expires: fc.constantFrom(null, "2027-01-01T00:00:00.000Z"),
  },
  plain,
);

/** What nodes do, on records that each keeps for itself. */
type Change = (records: readonly UserRecord[]) => readonly UserRecord[];

const change: fc.Arbitrary<Change> = fc
  .record({
    name: fc.constantFrom(...names),
    role: fc.constantFrom(...userRoles),
    password: fc.constantFrom("hash-1", "hash-2"),
    what: fc.constantFrom("add", "remove", "password", "token", "no-token"),
    token,
  })
  .map(({ name, role, password, what, token: one }) => (records) => {
    const known = records.find((record) => record.name === name);
    const user = known?.user ?? null;
    const others = records.filter((record) => record !== known);
    const put = (record: UserRecord) => mergeUsers(others, [record]);
    if (what === "add" && user === null) {
      const part = {
        role,
        created: "2026",
        password: null,
        passwordChange: 1,
        tokens: [],
        removedTokens: [],
      };
      return put(userAdded(known, name, part));
    }
    if (known === undefined || user === null) return records;
    if (what === "remove") return put(userRemoved(known));
    if (what === "password") return put({ ...known, user: passwordSet(user, password) });
    const isKnown = [...user.tokens.map(({ id }) => id), ...user.removedTokens].includes(one.id);
    if (what === "token" && !isKnown) return put({ ...known, user: tokenAdded(user, one) });
    if (what === "no-token" && isKnown) return put({ ...known, user: tokenRemoved(user, one.id) });
    return records;
  });

/** The records of a node, after it has done something of its own. */
const records = fc
  .array(change, { maxLength: 12 })
  .map((changes) => changes.reduce<readonly UserRecord[]>((known, one) => one(known), []));

/** A digest is of a random token: all that is said of one session is the same, but whether it was closed. */
const session: fc.Arbitrary<SessionRecord> = fc.tuple(fc.nat(5), fc.boolean()).map(([number, closed]) => ({
  ...{ digest: String(number).repeat(64), name: "ana", life: 1, passwordChange: 1 },
  ...{ untilMs: number % 3, closed },
}));
const sessions = fc.array(session, { maxLength: 5 });
const firstCode: fc.Arbitrary<FirstCodeRecord | undefined> = fc.option(
  fc.record({ number: small, digest: fc.option(digest), untilMs: small }, plain),
  { nil: undefined },
);

/** In whatever order and how often it is told: every node comes to the same. */
function assertSame<T>(arbitrary: fc.Arbitrary<T>, merge: (one: T, other: T) => T): void {
  fc.assert(
    fc.property(arbitrary, arbitrary, arbitrary, (a, b, c) => {
      assert.deepEqual(merge(a, b), merge(b, a), "commutative");
      assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)), "associative");
      const once = merge(a, b);
      assert.deepEqual(merge(once, b), once, "idempotent");
      assert.deepEqual(merge(once, once), once, "idempotent");
    }),
    runs,
  );
}

describe("what nodes know of users", () => {
  it("becomes the same on all of them", () => assertSame<readonly UserRecord[]>(records, mergeUsers));

  it("can always be kept, and read again as it was", () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        for (const record of mergeUsers(a, b)) assert.deepEqual(userRecordSchema.parse(record), record);
      }),
      runs,
    );
  });

  it("has no user that one of them has removed, and no token", () => {
    fc.assert(
      fc.property(records, fc.array(change, { maxLength: 6 }), (common, elsewhere) => {
        const there = elsewhere.reduce((known, one) => one(known), common);
        for (const record of common) {
          const { user } = record;
          if (user === null) continue;
          const find = (all: readonly UserRecord[]) => all.find(({ name }) => name === record.name);
          const then = find(there);
          const isSameLife = then === undefined || then.life <= record.life;
          if (isSameLife) {
            const removed = find(mergeUsers(there, [userRemoved(record)]));
            assert.equal(removed?.user, null, "whatever was done to it elsewhere");
          }
          for (const { id } of user.tokens) {
            const without = find(mergeUsers(there, [{ ...record, user: tokenRemoved(user, id) }]));
            if (without?.life === record.life)
              assert.ok(!without.user?.tokens.some((one) => one.id === id), "whatever was done elsewhere");
          }
        }
      }),
      runs,
    );
  });
});

describe("what nodes know of sessions", () => {
  it("becomes the same on all of them, also at the bound", () =>
    assertSame<readonly SessionRecord[]>(sessions, (a, b) => mergeSessions(a, b, 2)));

  it("has the same one-time code on all of them, and a used one stays used", () => {
    assertSame(firstCode, mergeFirstCode);
    fc.assert(
      fc.property(digest, small, small, (given, number, untilMs) => {
        const used = { number, digest: null, untilMs: 0 };
        assert.deepEqual(mergeFirstCode({ number, digest: given, untilMs }, used), used);
      }),
      runs,
    );
  });
});

describe("what a node is told", () => {
  it("is taken or refused, whatever it is", () => {
    const some = fc.oneof(fc.json(), fc.json({ maxDepth: 5 })).map((text) => JSON.parse(text) as unknown);
    const near = fc.record({
      do: fc.constantFrom("tell", "give", "take"),
      users: fc.array(fc.oneof(fc.record({ name: fc.constant("ana"), life: some, user: some }), some)),
      sessions: fc.array(some),
      firstCode: some,
    });
    fc.assert(
      fc.property(fc.oneof(some, near), (told) => {
        accessAnswerSchema.safeParse(told);
        const request = accessRequestSchema.safeParse(told);
        if (!request.success || request.data.do !== "take") return;
        mergeUsers(request.data.users, request.data.users);
        mergeSessions(request.data.sessions, request.data.sessions);
      }),
      runs,
    );
  });
});

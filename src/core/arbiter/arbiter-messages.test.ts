import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isDecodeError } from "../../base/decode-error.ts";
import {
  ARBITER_ANSWER_BYTES_MAX,
  type ArbiterRequest,
  arbiterKey,
  arbiterWords,
  decodeArbiterAnswer,
  decodeArbiterToken,
  encodeArbiterRequest,
} from "./arbiter-messages.ts";

const HEADER = `"header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","revision":"2","raft_term":"2"}`;
const KEY = `{"key":"dG9jaGEvY2FtcHVzL2dhdGV3YXk=","create_revision":"2","mod_revision":"2","version":"1","value":"Z3cx","lease":"7587899157740713990"}`;
const NOT_FOUND = `{"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5}`;

// What etcd 3.4.23 (Debian) answered to the requests of this file, asked with curl.
const recorded = [
  ["look", 200, `{${HEADER}}`, { what: "free" }],
  ["look", 200, `{${HEADER},"kvs":[${KEY}],"count":"1"}`, { what: "holder", node: "gw1", revision: "2" }],
  [
    "grant",
    200,
    `{${HEADER},"ID":"7587899157740713990","TTL":"6"}`,
    { what: "granted", lease: "7587899157740713990" },
  ],
  [
    "put",
    200,
    `{${HEADER},"succeeded":true,"responses":[{"response_put":{"header":{"revision":"2"}}}]}`,
    { what: "put", revision: "2" },
  ],
  [
    "put",
    200,
    `{${HEADER},"responses":[{"response_range":{"header":{"revision":"2"},"kvs":[${KEY}],"count":"1"}}]}`,
    { what: "holder", node: "gw1", revision: "2" },
  ],
  ["put", 404, NOT_FOUND, { what: "expired" }],
  ["renew", 200, `{"result":{${HEADER},"ID":"7587899157740713990","TTL":"6"}}\n`, { what: "renewed" }],
  ["renew", 200, `{"result":{${HEADER},"ID":"77"}}\n`, { what: "expired" }],
  ["revoke", 200, `{${HEADER}}`, { what: "revoked" }],
  ["revoke", 404, NOT_FOUND, { what: "revoked" }],
] as const;

const asks = ["look", "grant", "put", "renew", "revoke"] as const;

describe("arbiter messages", () => {
  for (const [ask, status, text, expected] of recorded) {
    it(`understands what etcd answers to ${ask}: ${expected.what}`, () => {
      assert.deepEqual(decodeArbiterAnswer(ask, status, text), expected);
    });
  }

  it("understands the token of a user, and nothing that could not be a header", () => {
    assert.equal(decodeArbiterToken(200, `{${HEADER},"token":"RIBwWqsHCWDYtYNv.15"}`), "RIBwWqsHCWDYtYNv.15");
    for (const text of ["{}", `{"token":7}`, `{"token":"a\\r\\nb: c"}`, `{"token":""}`])
      assert.ok(isDecodeError(decodeArbiterToken(200, text)), text);
    assert.ok(isDecodeError(decodeArbiterToken(400, `{"token":"x"}`)));
  });

  it("passes on why etcd refused, where a terminal can show it", () => {
    assert.equal(arbiterWords(NOT_FOUND), "etcdserver: requested lease not found");
    for (const text of [
      "<html>",
      "{}",
      `{"message":""}`,
      `{"message":"\\u001b[2J"}`,
      `{"message":"${"x".repeat(201)}"}`,
    ])
      assert.equal(arbiterWords(text), undefined, text);
  });

  it("writes requests as the gateway wants them: numbers as texts, keys in base64", () => {
    const of = { key: arbiterKey("campus", "gateway"), node: "gw1" };
    const lease = "7587899157740713990";
    assert.deepEqual(encodeArbiterRequest({ ask: "grant", leaseMs: 5_500 }, of).body, { TTL: "6" });
    const key = "dG9jaGEvY2FtcHVzL2dhdGV3YXk=";
    assert.deepEqual(encodeArbiterRequest({ ask: "put", lease, revision: "0" }, of), {
      path: "/v3/kv/txn",
      body: {
        compare: [{ target: "MOD", result: "EQUAL", key, mod_revision: "0" }],
        success: [{ request_put: { key, value: "Z3cx", lease } }],
        failure: [{ request_range: { key } }],
      },
    });
    const paths = (["look", "renew", "revoke"] as const).map(
      (ask) => encodeArbiterRequest({ ask, lease } as ArbiterRequest, of).path,
    );
    assert.deepEqual(paths, ["/v3/kv/range", "/v3/lease/keepalive", "/v3/lease/revoke"]);
  });

  it("refuses what is no answer, or too long, or names a holder that is no node", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "7",
      "{",
      "[".repeat(50_000),
      `{"kvs":[7]}`,
      `{"kvs":[{"mod_revision":2}]}`,
    ])
      assert.ok(isDecodeError(decodeArbiterAnswer("look", 200, text)), text.slice(0, 20));
    const foreign = `{"kvs":[{"mod_revision":"2","value":"${btoa("not a node")}"}]}`;
    assert.ok(isDecodeError(decodeArbiterAnswer("look", 200, foreign)));
    const long = `{"ID":"7","more":"${"x".repeat(ARBITER_ANSWER_BYTES_MAX)}"}`;
    assert.ok(isDecodeError(decodeArbiterAnswer("grant", 200, long)));
    assert.ok(isDecodeError(decodeArbiterAnswer("look", 503, `{${HEADER}}`)));
  });

  it("returns a value or a typed error for whatever JSON there is", () => {
    fc.assert(
      fc.property(fc.constantFrom(...asks), fc.json(), (ask, text) => {
        const answer = decodeArbiterAnswer(ask, 200, text);
        return isDecodeError(answer) ? answer.reason !== "" : answer.what !== undefined;
      }),
    );
  });
});

import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { decodeArbiterAnswer } from "../../src/core/arbiter/arbiter-messages.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

const asks = ["look", "grant", "put", "renew", "revoke"] as const;
const key = `{"mod_revision":"2","value":"Z3cx","lease":"7"}`;
const texts = [
  `{"header":{"revision":"2"},"kvs":[${key}],"count":"1"}`,
  `{"header":{"revision":"2"},"ID":"7587899157740713990","TTL":"6"}`,
  `{"header":{"revision":"2"},"succeeded":true,"responses":[{"response_put":{}}]}`,
  `{"header":{"revision":"2"},"responses":[{"response_range":{"kvs":[${key}]}}]}`,
  `{"result":{"ID":"77","TTL":"6"}}`,
];

/** What an arbiter answers: JSON of somebody else's making. */
export function arbiterTarget(): FuzzTarget {
  return {
    corpus: texts.map((text) => new TextEncoder().encode(text)),
    run: (input, random) => {
      const text = new TextDecoder().decode(input);
      const ask = asks[Math.floor(random() * asks.length)] ?? "look";
      const answer = decodeArbiterAnswer(ask, 200, text);
      if (answer instanceof DecodeError) return answer.reason;
      if (answer.what === "holder") assert.match(answer.node, /^[a-z][a-z0-9-]{0,62}$/);
      if (answer.what === "granted") assert.match(answer.lease, /^[0-9]{1,20}$/);
      return ACCEPTED;
    },
  };
}

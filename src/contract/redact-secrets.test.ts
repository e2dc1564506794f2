import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REMOVED, redactSecrets } from "./redact-secrets.ts";

const hex = "0123456789abcdef".repeat(4);

/** Text, the secret in it, and what must still stand there. */
const looks: readonly (readonly [text: string, secret: string, kept: string])[] = [
  [
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\nMBMGByqG\n-----END PRIVATE KEY-----\n",
    "MBMGByqG",
    "-----END PRIVATE",
  ],
  ["-----BEGIN EC PRIVATE KEY-----\nMIGHAgEA", "MIGHAgEA", "BEGIN EC PRIVATE KEY"],
  [`cluster ${hex} end`, hex, "end"],
  ["https://root:hunter2@etcd:2379/x", "hunter2", "https://"],
  ["remote: https://ghp_hunter2@git.example/x.git", "ghp_hunter2", "@git.example/x.git"],
  ["password: hunter2\nuser: ann", "hunter2", "user: ann"],
  ['{"token":"hunter2","name":"ann"}', "hunter2", '"name":"ann"'],
  ['{"dbPassword": "hunter 2 3", "x": 1}', "hunter 2 3", '"x": 1'],
  ['{"token":"a\\"hunter2","name":"ann"}', "hunter2", '"[removed]","name":"ann"'],
  ["PGPASSWORD=hunter2 psql", "hunter2", "psql"],
  ["curl --password hunter2 http://x/", "hunter2", "http://x/"],
  ["curl --api-key=hunter2 http://x/", "hunter2", "http://x/"],
  ["Authorization: Bearer abc.def.ghi\nHost: x", "abc.def.ghi", "Host: x"],
  ["curl -H 'Authorization: Basic cm9vdDpwdw=='", "cm9vdDpwdw==", "curl -H"],
  ["  auth_pass hunter2\n  auth_type PASS", "hunter2", "auth_type PASS"],
  ["client_secret = 'hunter2'; next", "hunter2", "next"],
];

describe("redactSecrets", () => {
  for (const [text, secret, kept] of looks) {
    it(`takes out what looks like a secret: ${text.split("\n")[0]?.slice(0, 40)}`, () => {
      const { text: safe, removed } = redactSecrets(text);
      assert.ok(!safe.includes(secret), safe);
      assert.ok(safe.includes(kept), safe);
      assert.ok(safe.includes(REMOVED));
      assert.equal(removed, 1);
    });
  }

  it("takes out what is known, wherever and however often it stands", () => {
    const known = ["plain-words-nobody-would-notice", 'with "quotes" in it', "short"];
    const text = `a plain-words-nobody-would-notice b plain-words-nobody-would-notice c ${JSON.stringify(known[1])} short`;
    const { text: safe, removed } = redactSecrets(text, known);
    assert.equal(safe, `a ${REMOVED} b ${REMOVED} c "${REMOVED}" short`);
    assert.equal(removed, 3);
  });

  it("takes out the longer one where one secret is a part of another", () => {
    assert.equal(
      redactSecrets("x secret-of-all-secrets y", ["secret-of", "secret-of-all-secrets"]).text,
      `x ${REMOVED} y`,
    );
  });

  it("leaves alone what is no secret", () => {
    const text = [
      'tcp dport 443 accept comment "token bucket"',
      "net.ipv4.ip_forward = 1",
      "SHA-256 AA:BB:CC:DD",
      "commit 1e2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b",
      "https://etcd.example:2379",
      "ssh://git@git.example/x.git",
      "keys: { directory: /etc/tocha/keys }",
      "password file is missing",
    ].join("\n");
    assert.deepEqual(redactSecrets(text, [""]), { text, removed: 0 });
  });

  it("finds nothing more in what it has made", () => {
    for (const [text] of looks) {
      const once = redactSecrets(text).text;
      assert.deepEqual(redactSecrets(once), { text: once, removed: 0 });
    }
  });
});

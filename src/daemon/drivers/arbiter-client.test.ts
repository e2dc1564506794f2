import "../../keys/reflect-metadata.ts";
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type JsonGeneralNames,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { ArbiterClient } from "./arbiter-client.ts";

// The ways in which a certificate is wrong, against a real server with TLS. With an etcd and nodes: tests/netns/arbiter-tls.test.ts.

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const localhost: JsonGeneralNames = [{ type: "dns", value: "localhost" }];

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-arbiter-"));
});
after(() => rmSync(folder, { recursive: true }));

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own, good for these names until so many days from now. */
async function certificateFor(names: JsonGeneralNames, days = 1): Promise<Certificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      ...{ serialNumber: "01", name: "O=tocha", signingAlgorithm: algorithm, keys },
      notBefore: new Date(Date.now() - 2 * DAY_MS),
      notAfter: new Date(Date.now() + days * DAY_MS),
      extensions: [new SubjectAlternativeNameExtension(names)],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
}

/** Asks a server that shows `shown`, as one that trusts `trusted` alone. @returns the answer or the error, and how much was asked */
async function asked(
  shown: Certificate,
  {
    trusted = shown,
    host = "localhost",
    answer = (_request, response) => response.end("{}"),
  }: { readonly trusted?: Certificate; readonly host?: string; readonly answer?: RequestListener } = {},
): Promise<{ readonly outcome: string; readonly requests: number }> {
  let requests = 0;
  const server = createServer(shown, (request, response) => {
    requests += 1;
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, trusted.cert);
  const client = new ArbiterClient({
    ...{ endpoints: [`https://${host}:${port}`], leaseMs: 2_000, caFile },
    ...{ certificateFile: undefined, keyFile: undefined, userFile: undefined, userEnvironment: undefined },
  });
  try {
    const told = client.ask({ ask: "look" }, { key: "tocha/lab/gateway", node: "gw1" });
    const outcome = await told.then(
      ({ what }) => what,
      (error: Error) => error.message,
    );
    return { outcome, requests };
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
}

test("a certificate that it trusts, for the name or the address of the endpoint", async () => {
  assert.deepEqual(await asked(await certificateFor(localhost)), { outcome: "free", requests: 1 });
  const byAddress = await certificateFor([{ type: "ip", value: "127.0.0.1" }]);
  assert.deepEqual(await asked(byAddress, { host: "127.0.0.1" }), { outcome: "free", requests: 1 });
});

for (const { what, shown, host, says } of [
  {
    what: "another name",
    shown: [{ type: "dns", value: "etcd.example" }],
    host: "localhost",
    says: /altnames/,
  },
  {
    what: "a name that begins so",
    shown: [{ type: "dns", value: "localhost.example" }],
    host: "localhost",
    says: /altnames/,
  },
  {
    what: "another address",
    shown: [{ type: "ip", value: "192.0.2.9" }],
    host: "127.0.0.1",
    says: /altnames/,
  },
  {
    what: "the address as a name",
    shown: [{ type: "dns", value: "127.0.0.1" }],
    host: "127.0.0.1",
    says: /altnames/,
  },
] as const)
  test(`a certificate for ${what}: refused, and nothing is asked`, async () => {
    const { outcome, requests } = await asked(await certificateFor([...shown]), { host });
    assert.match(outcome, says);
    assert.equal(requests, 0);
  });

test("a certificate of somebody else, or one that is out of date: refused, and nothing is asked", async () => {
  const stranger = await asked(await certificateFor(localhost), { trusted: await certificateFor(localhost) });
  assert.match(stranger.outcome, /self-signed certificate|signature failure/);
  assert.equal(stranger.requests, 0);
  const old = await asked(await certificateFor(localhost, -1));
  assert.match(old.outcome, /expired/);
  assert.equal(old.requests, 0);
});

for (const { what, answer } of [
  { what: "never answers", answer: () => {} },
  { what: "stops in the middle of an answer", answer: (_request, response) => response.write('{"kvs":') },
] satisfies { what: string; answer: RequestListener }[])
  test(`a server that takes the question and ${what}: after a second it counts as one that does not answer`, {
    timeout: 20_000,
  }, async () => {
    const { outcome, requests } = await asked(await certificateFor(localhost), { answer });
    assert.match(outcome, /: no answer in time$/);
    assert.equal(requests, 1);
  });

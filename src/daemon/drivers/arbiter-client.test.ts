import "../../keys/reflect-metadata.ts";
import assert from "node:assert/strict";
import { webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
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

let authorities = 0;

/** An authority of its own, good for these names until so many days from now. */
async function certificateFor(names: JsonGeneralNames, days = 1): Promise<Certificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      // By its name a server that trusts several finds the one.
      ...{ serialNumber: "01", name: `O=tocha ${authorities++}`, signingAlgorithm: algorithm, keys },
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

test("certificates that are renewed in place are shown and trusted with the next question, after a failure or before any", async () => {
  const [expired, renewed, later] = [
    await certificateFor(localhost, -1),
    await certificateFor(localhost),
    await certificateFor(localhost),
  ];
  const servers = [await certificateFor(localhost), await certificateFor(localhost)] as const;
  /** The client's certificate, with the port of its connection. */
  const seen: (readonly [string, number | undefined])[] = [];
  const server = createServer(
    { ...servers[0], ca: [expired, renewed, later].map(({ cert }) => cert), requestCert: true },
    ({ socket }, response) => {
      seen.push([(socket as TLSSocket).getPeerCertificate().fingerprint256, socket.remotePort]);
      response.end("{}");
    },
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const files = ["renewed-ca.crt", "client.crt", "client.key"].map((name) => join(folder, name));
  const [caFile = "", certificateFile = "", keyFile = ""] = files;
  const client = new ArbiterClient({
    ...{ endpoints: [`https://localhost:${port}`], leaseMs: 2_000, caFile, certificateFile, keyFile },
    ...{ userFile: undefined, userEnvironment: undefined },
  });
  const use = ({ cert, key }: Certificate) => {
    writeFileSync(certificateFile, cert);
    writeFileSync(keyFile, key);
  };
  const ask = () => client.ask({ ask: "look" }, { key: "tocha/lab/gateway", node: "gw1" });
  try {
    use(expired);
    await assert.rejects(ask, /ENOENT.*renewed-ca\.crt/);
    writeFileSync(caFile, servers[0].cert);
    // Node.js as a server hangs up without saying why.
    await assert.rejects(ask, /socket hang up/);
    use(renewed);
    await ask();
    await ask();
    // One of the two files is there already.
    writeFileSync(keyFile, later.key);
    await assert.rejects(ask, /key values mismatch/);
    use(later);
    await ask();
    // The next connection finds another certificate, of another authority.
    server.setSecureContext({ ...servers[1], ca: later.cert });
    writeFileSync(caFile, servers[1].cert);
    await ask();
    const shown = [renewed, renewed, later, later].map(({ cert }) => new X509Certificate(cert));
    assert.deepEqual(
      seen.map(([fingerprint]) => fingerprint),
      shown.map(({ fingerprint256 }) => fingerprint256),
    );
    const [first, second] = seen;
    assert.equal(first?.[1], second?.[1], "the same files, the same connection");
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
});

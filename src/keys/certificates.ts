import "./reflect-metadata.ts";
import { randomBytes, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { nodeDnsName } from "./read-keys.ts";

/** A certificate and its private key, both in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

// ECDSA on P-256 with SHA-256: every TLS 1.3 implementation must support it (RFC 8446 9.1).
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const dayMs = 86_400_000;
const authorityDays = 3_653; // ten years
const nodeDays = 731; // two years

/** Makes the cluster's own certificate authority. */
export async function makeAuthority(): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      // The random part tells the authorities of two clusters apart.
      name: `CN=tocha cluster CA ${randomBytes(4).toString("hex")}`,
      ...validity(authorityDays),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pem(certificate), privateKey: await privateKeyPem(keys.privateKey) };
}

/** Makes a node's key and certificate, good for both ends of a connection, signed by the authority. */
export async function makeNodeCertificate(
  node: string,
  authority: KeyPair,
  valid = validity(nodeDays),
): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await signNodeCertificate({ node, publicKey: keys.publicKey, authority, valid });
  return { certificate, privateKey: await privateKeyPem(keys.privateKey) };
}

/** A request for a certificate (PKCS #10, RFC 2986), and the private key that stays where it was made. */
export interface NodeRequest {
  readonly request: string;
  readonly privateKey: string;
}

export async function makeNodeRequest(node: string): Promise<NodeRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: `CN=${node}`, keys, signingAlgorithm: algorithm },
    webcrypto,
  );
  return { request: `${request.toString("pem")}\n`, privateKey: await privateKeyPem(keys.privateKey) };
}

/**
 * Signs the key of a request for `node`. What else the request asks for is not looked at: the authority alone says
 * what a certificate is good for. Throws where it is no request, or its sender does not have the key.
 */
export async function signNodeRequest(request: string, node: string, authority: KeyPair): Promise<string> {
  const parsed = new Pkcs10CertificateRequest(request);
  const { publicKey } = parsed;
  const { name, namedCurve } = publicKey.algorithm as { name?: string; namedCurve?: string };
  if (name !== algorithm.name || namedCurve !== algorithm.namedCurve)
    throw new Error("its key is not of ECDSA on P-256");
  if (!(await parsed.verify(webcrypto))) throw new Error("it is not signed with its own key");
  return await signNodeCertificate({ node, publicKey, authority, valid: validity(nodeDays) });
}

async function signNodeCertificate(wish: {
  readonly node: string;
  readonly publicKey: webcrypto.CryptoKey | PublicKey;
  readonly authority: KeyPair;
  readonly valid: { readonly notBefore: Date; readonly notAfter: Date };
}): Promise<string> {
  const { node, publicKey, authority, valid } = wish;
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    PemConverter.decodeFirst(authority.privateKey),
    algorithm,
    false,
    ["sign"],
  );
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: `CN=${node}`,
      issuer: issuer.subject,
      ...valid,
      signingAlgorithm: algorithm,
      publicKey,
      signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([{ type: "dns", value: nodeDnsName(node) }]),
        await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(
          await issuer.publicKey.export(webcrypto),
          false,
          webcrypto,
        ),
      ],
    },
    webcrypto,
  );
  return pem(certificate);
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  // A day back: the clocks of the nodes may differ.
  return { notBefore: new Date(now - dayMs), notAfter: new Date(now + days * dayMs) };
}

/** 127 random bits, positive (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

import { X509Certificate } from "node:crypto";

const certificatePattern = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** More authorities than the one of before and the one of after are nobody's intention. */
export const AUTHORITIES_MAX = 4;

/** The certificates of a PEM text, in its order. Throws where one of them is none, or there is none at all. */
export function splitCertificates(pem: string): X509Certificate[] {
  const found = pem.match(certificatePattern) ?? [];
  if (found.length === 0 || found.length > AUTHORITIES_MAX)
    throw new Error(`${found.length} certificates in PEM, not 1 to ${AUTHORITIES_MAX}`);
  return found.map((text) => new X509Certificate(text));
}

/** The certificates as one PEM text. */
export function joinCertificates(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join("");
}

/** The authority among these that has signed the certificate. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** As it is written everywhere here: hexadecimal, small letters, without leading zeros. */
export function serialOf(certificate: X509Certificate | { readonly serialNumber: string }): string {
  return certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, "");
}

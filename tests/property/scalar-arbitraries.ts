import fc from "fast-check";
import { formatIp } from "../../src/base/ip.ts";

// What values of documents are made of.

/** Every node has them. */
export const interfaceNames = ["lan", "wan", "sync"] as const;

/** An address of a family, close enough to others that they meet. */
function address(family: 4 | 6): fc.Arbitrary<string> {
  const bytes = fc.uint8Array({ minLength: 2, maxLength: 2 });
  return bytes.map(([a = 0, b = 0]) =>
    family === 4
      ? `10.${a % 4}.${b % 8}.${a}`
      : formatIp(Uint8Array.of(0xfd, 0, 0, a % 4, 0, b % 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, a)),
  );
}

export function networkOf(family: 4 | 6): fc.Arbitrary<string> {
  return fc
    .tuple(address(family), fc.integer({ min: 0, max: family === 4 ? 32 : 128 }))
    .map(([text, length]) => `${text}/${length}`);
}

/** An address, a network or a range. Host bits may be set. */
export function addressesOf(family: 4 | 6): fc.Arbitrary<string> {
  const range = fc.tuple(address(family), fc.integer({ min: 0, max: 15 })).map(([text, more]) => {
    const at = text.lastIndexOf(family === 4 ? "." : ":") + 1;
    const last = Number.parseInt(text.slice(at), family === 4 ? 10 : 16);
    const end = Math.min(255, last + more).toString(family === 4 ? 10 : 16);
    return Number.isNaN(last) ? text : `${text}-${text.slice(0, at)}${end}`;
  });
  return fc.oneof(address(family), networkOf(family), range);
}

export const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(22, 53, 80, 81, 443));
export const ports: fc.Arbitrary<number | string> = fc.oneof(
  port,
  fc.tuple(port, port).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
);

export function oneOrSome<T>(item: fc.Arbitrary<T>, most = 4): fc.Arbitrary<T | T[]> {
  return fc.oneof(item, fc.array(item, { minLength: 1, maxLength: most }));
}

/** Some of its keys: what a person may leave out. */
export function optional<T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(parts, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goldenBytes, readGolden } from "../../tests/golden/golden-file.ts";
import { DecodeError } from "../base/decode-error.ts";
import { formatIp, validIp } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import { decodeAttributes, decodeNetlinkMessages, type NetlinkMessage, NetlinkWriter } from "./netlink.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  writeAddAddress,
  writeAddNewRoute,
  writeAddRoute,
  writeDeleteAddress,
  writeDeleteRoute,
  writeRouteDump,
  writeSetLink,
} from "./route-message.ts";

const golden = readGolden("rtnetlink");
const decoders = { link: decodeLink, address: decodeAddress, route: decodeRoute } as const;

describe("links", () => {
  it("decodes name, hardware address and state", () => {
    assert.deepEqual(link("link-0"), [1, "lo", "00:00:00:00:00:00", true]);
    assert.deepEqual(link("link-1"), [3, "lan0", "02:00:00:00:01:01", true]);
    assert.deepEqual(link("link-2"), [5, "wan0", "02:00:00:00:02:01", true]);
    assert.deepEqual(link("event-link-down"), [5, "wan0", "02:00:00:00:02:01", false]);
    assert.equal(message("event-link-down").type, RTM_NEWLINK);
    assert.deepEqual(link("event-link-removed"), [5, "wan0", "02:00:00:00:02:01", false]);
    assert.equal(message("event-link-removed").type, RTM_DELLINK);
  });

  it("counts a link without a carrier as down, and one that is switched off too", () => {
    const up = message("link-1");
    for (const bit of [0x1, 0x10000]) {
      const payload = up.payload.slice();
      const view = new DataView(payload.buffer);
      view.setUint32(8, view.getUint32(8, true) & ~bit, true);
      const decoded = decodeLink({ ...up, payload });
      assert.ok(!(decoded instanceof DecodeError));
      assert.equal(decoded.up, false);
    }
  });
});

describe("addresses", () => {
  it("decodes both families, of dumps and events", () => {
    assert.deepEqual(address("address-1"), [3, "10.1.0.1", 24]);
    assert.deepEqual(address("address-2"), [5, "192.0.2.1", 24]);
    assert.deepEqual(address("address-3"), [1, "::1", 128]);
    assert.deepEqual(address("address-6"), [5, "2001:db8::1", 64]);
    assert.deepEqual(address("address-7"), [5, "fe80::ff:fe00:201", 64]);
    for (const [family, text, prefix] of [
      ["v4", "192.0.2.7", 24],
      ["v6", "2001:db8::7", 64],
    ] as const) {
      assert.deepEqual(address(`event-address-added-${family}`), [1, text, prefix]);
      assert.equal(message(`event-address-added-${family}`).type, RTM_NEWADDR);
      assert.deepEqual(address(`event-address-removed-${family}`), [1, text, prefix]);
      assert.equal(message(`event-address-removed-${family}`).type, RTM_DELADDR);
    }
  });

  it("refuses a message without an address, or with one of an impossible length", () => {
    const payload = message("address-1").payload;
    const missing = new DecodeError("address-missing");
    assert.deepEqual(decodeAddress({ ...message("address-1"), payload: payload.subarray(0, 8) }), missing);
    const odd = Uint8Array.from([...payload.subarray(0, 8), 6, 0, 2, 0, 10, 1, 0, 0]);
    assert.deepEqual(decodeAddress({ ...message("address-1"), payload: odd }), missing);
  });
});

describe("routes", () => {
  it("decodes destination, gateway, device and table", () => {
    assert.deepEqual(route("route4-0"), ["10.1.0.0", 24, undefined, 3, 254]);
    assert.deepEqual(route("route4-2"), ["198.51.100.0", 24, "192.0.2.80", 5, 254]);
    assert.deepEqual(route("route6-0"), ["2001:db8::", 64, undefined, 5, 254]);
    assert.deepEqual(route("route6-4"), [undefined, 0, "2001:db8::80", 5, 254]);
  });
});

describe("every rtnetlink decoder", () => {
  it("gives a value or a typed error for messages that are cut anywhere", () => {
    for (const name of golden.keys()) {
      const whole = message(name);
      const decode = decoderOf(name);
      for (let length = 0; length < whole.payload.length; length++) {
        const result = decode({ ...whole, payload: whole.payload.subarray(0, length) });
        if (length < 8) assert.ok(result instanceof DecodeError, `${name} at ${length}`);
      }
    }
  });

  it("skips attributes that it does not know", () => {
    const unknown = [8, 0, 0xff, 0x3f, 1, 2, 3, 4];
    const headerBytes = { link: 16, address: 8, route: 12 };
    for (const name of golden.keys()) {
      const whole = message(name);
      const at = headerBytes[kindOf(name)];
      const payload = Uint8Array.from([
        ...whole.payload.subarray(0, at),
        ...unknown,
        ...whole.payload.subarray(at),
      ]);
      assert.deepEqual(decoderOf(name)({ ...whole, payload }), decoderOf(name)(whole), name);
    }
  });

  it("never throws on random bytes", () => {
    const any = fc.tuple(fc.constantFrom(...Object.values(decoders)), fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(any, ([decode, payload]) => {
        decode({ type: 16, flags: 0, sequence: 0, portId: 0, payload });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("rtnetlink requests", () => {
  it("adds an address with a lifetime, without duplicate detection and without a route of its own", () => {
    const change = { deviceIndex: 3, address: validIp("2001:db8::9"), prefixLength: 64, validSeconds: 2 };
    const added = written((writer) => writeAddAddress(writer, change, 4));
    assert.deepEqual([added.type, added.flags, added.sequence], [RTM_NEWADDR, 0x501, 4]);
    assert.deepEqual(decodeAddress(added), { deviceIndex: 3, address: change.address, prefixLength: 64 });
    const attributes = decodeAttributes(added.payload.subarray(8));
    assert.ok(attributes instanceof Map);
    assert.deepEqual(attributes.get(8), Uint8Array.of(0x02, 0x02, 0, 0)); // IFA_F_NOPREFIXROUTE | IFA_F_NODAD
    // Preferred for no time: the kernel must not choose it as a source.
    assert.deepEqual(attributes.get(6)?.subarray(0, 8), Uint8Array.of(0, 0, 0, 0, 2, 0, 0, 0));
    const removed = written((writer) => writeDeleteAddress(writer, change, 5));
    assert.equal(removed.type, RTM_DELADDR);
    assert.deepEqual(decodeAddress(removed), decodeAddress(added));
  });

  it("adds and removes routes", () => {
    const change = {
      destination: validIp("198.51.100.0"),
      prefixLength: 24,
      gateway: validIp("192.0.2.80"),
      deviceIndex: 5,
    };
    for (const write of [writeAddRoute, writeDeleteRoute]) {
      const decoded = decodeRoute(written((writer) => write(writer, change, 1)));
      assert.deepEqual(decoded, { ...change, table: 254, protocol: 4, metric: 0 });
    }
    const own = { ...change, protocol: 116, metric: 77 };
    const added = written((writer) => writeAddNewRoute(writer, own, 1));
    assert.deepEqual(decodeRoute(added), { ...own, table: 254 });
    assert.equal(added.flags, 0x601); // NLM_F_REQUEST | NLM_F_EXCL | NLM_F_CREATE
  });

  it("asks for the routes of one protocol", () => {
    const { payload } = written((writer) => writeRouteDump(writer, 6, 116));
    assert.deepEqual(payload, Uint8Array.of(10, 0, 0, 0, 0, 116, 0, 0, 0, 0, 0, 0));
  });

  it("touches nothing but the one flag of a link", () => {
    const { payload } = written((writer) => writeSetLink(writer, 3, false, 1));
    assert.deepEqual(payload, Uint8Array.of(0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0));
  });
});

function message(name: string): NetlinkMessage {
  const [first] = messages(goldenBytes(golden, name));
  assert.ok(first);
  return first;
}

function messages(bytes: Uint8Array): NetlinkMessage[] {
  const decoded = decodeNetlinkMessages(bytes);
  assert.ok(Array.isArray(decoded));
  return decoded;
}

function written(write: (writer: NetlinkWriter) => void): NetlinkMessage {
  const writer = new NetlinkWriter(256);
  write(writer);
  const [first] = messages(writer.written());
  assert.ok(first);
  return first;
}

function kindOf(name: string): keyof typeof decoders {
  if (name.includes("link")) return "link";
  return name.includes("address") ? "address" : "route";
}

function decoderOf(name: string) {
  return decoders[kindOf(name)];
}

function link(name: string) {
  const decoded = decodeLink(message(name));
  assert.ok(!(decoded instanceof DecodeError));
  return [decoded.index, decoded.name, formatMac(decoded.mac), decoded.up];
}

function address(name: string) {
  const decoded = decodeAddress(message(name));
  assert.ok(!(decoded instanceof DecodeError));
  return [decoded.deviceIndex, formatIp(decoded.address), decoded.prefixLength];
}

function route(name: string) {
  const decoded = decodeRoute(message(name));
  assert.ok(!(decoded instanceof DecodeError));
  const text = (ip: Uint8Array | undefined) => (ip === undefined ? undefined : formatIp(ip));
  return [
    text(decoded.destination),
    decoded.prefixLength,
    text(decoded.gateway),
    decoded.deviceIndex,
    decoded.table,
  ];
}

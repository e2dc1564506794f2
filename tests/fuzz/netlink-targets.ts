import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { validIp } from "../../src/base/ip.ts";
import {
  decodeAcknowledgement,
  decodeAttributes,
  decodeNetlinkMessages,
  type NetlinkMessage,
  NetlinkWriter,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
} from "../../src/wire/netlink.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  RTM_NEWLINK,
  writeAddAddress,
  writeAddRoute,
} from "../../src/wire/route-message.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";
import { below, type Random } from "./mutate.ts";

function build(write: (writer: NetlinkWriter) => void): Uint8Array {
  const writer = new NetlinkWriter(4_096);
  write(writer);
  return writer.written().slice();
}

const addAddresses = ["10.1.0.1", "fd00:1::1"].map((address) =>
  build((writer) => {
    const change = { deviceIndex: 3, address: validIp(address), prefixLength: 24, validSeconds: 2 };
    writeAddAddress(writer, change, 1);
  }),
);

const addRoutes = ["10.77.0.0", "fd00:77::"].map((destination) =>
  build((writer) => {
    const gateway = validIp(destination.includes(":") ? "fd00:1::10" : "10.1.0.10");
    writeAddRoute(
      writer,
      { destination: validIp(destination), prefixLength: 16, gateway, deviceIndex: 3 },
      1,
    );
  }),
);

// struct ifinfomsg, then IFLA_ADDRESS (1), IFLA_IFNAME (3) and IFLA_MTU (4).
const newLink = build((writer) => {
  writer.begin(RTM_NEWLINK, 0, 0);
  writer.raw(0, 0, 1, 0);
  writer.rawU32(3);
  writer.rawU32(0x11043);
  writer.rawU32(0);
  writer.attributeBytes(1, Uint8Array.of(2, 0, 0, 0, 1, 1));
  writer.attributeBytes(3, new TextEncoder().encode("eth0\0"));
  writer.attributeHostU32(4, 1_500);
  writer.end();
});

// struct nlmsgerr, the request's header, and NLMSGERR_ATTR_MSG (1) behind it.
const refusal = build((writer) => {
  writer.begin(NLMSG_ERROR, 0x300, 7);
  writer.rawU32(0xffff_ffef);
  writer.rawU32(NLMSG_HEADER_BYTES);
  writer.raw(20, 0, 5, 6);
  writer.rawU32(7);
  writer.rawU32(0);
  writer.attributeBytes(1, new TextEncoder().encode("Address already assigned\0"));
  writer.end();
});

const datagrams = [
  ...addAddresses,
  ...addRoutes,
  newLink,
  refusal,
  new Uint8Array(Buffer.concat([...addAddresses, newLink, refusal])),
];

/** What one receive returns: several messages behind each other. */
export function netlinkTarget(): FuzzTarget {
  return {
    corpus: datagrams,
    run: (input) => {
      const messages = decodeNetlinkMessages(input);
      if (messages instanceof DecodeError) return messages.reason;
      assert.ok(messages.length <= input.length / NLMSG_HEADER_BYTES);
      return ACCEPTED;
    },
  };
}

export function attributesTarget(): FuzzTarget {
  return {
    corpus: [newLink.slice(32), ...addAddresses.map((bytes) => bytes.slice(24))],
    run: (input) => {
      const attributes = decodeAttributes(input);
      if (attributes instanceof DecodeError) return attributes.reason;
      for (const [type, value] of attributes) {
        assert.ok(type <= 0x3fff);
        assert.ok(value.byteOffset + value.length <= input.byteOffset + input.length);
      }
      return ACCEPTED;
    },
  };
}

export const acknowledgementTarget = payloadTarget([refusal], decodeAcknowledgement);
export const linkTarget = payloadTarget([newLink], decodeLink);
export const addressTarget = payloadTarget(addAddresses, decodeAddress);
export const routeTarget = payloadTarget(addRoutes, decodeRoute);

/** A decoder of one message's payload; the header's flags change how it reads. */
function payloadTarget(
  messages: readonly Uint8Array[],
  decode: (message: NetlinkMessage) => object | DecodeError,
): () => FuzzTarget {
  return () => ({
    corpus: messages.map((bytes) => bytes.slice(NLMSG_HEADER_BYTES)),
    run: (input, random) => {
      const value = decode({ type: 0, flags: flags(random), sequence: 1, portId: 0, payload: input });
      return value instanceof DecodeError ? value.reason : ACCEPTED;
    },
  });
}

// NLM_F_CAPPED and NLM_F_ACK_TLVS in all combinations, and everything else.
function flags(random: Random): number {
  return random() < 0.8 ? below(random, 4) << 8 : below(random, 0x1_0000);
}

import { ByteReader, type ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress } from "../base/ip.ts";

// A pulse: one UDP datagram from node to node (docs/protocol/pulse.md). Big endian.
//
//     0               1               2               3
//    +---------------+---------------+---------------+---------------+
//    |                     magic 0x54434850 "TCHP"                   |
//    +---------------+---------------+---------------+---------------+
//    | version = 2   | role          | eff. priority | C R W Y N H A F   flags: see Pulse
//    +---------------+---------------+---------------+---------------+
//    |          interval, ms         | source count  | S hears (7)   |   heard somewhere, heard on each path
//    +---------------+---------------+---------------+---------------+
//    |  session (8)                  |  echo (8)                     |
//    |  sequence (8)                 |  watermark (8)                |
//    |  revision (8)                                                 |
//    +---------------------------------------------------------------+
//    |  group, sender, recipient, path: each a length byte and UTF-8 |
//    |  advertisement sources: source count x 16                     |
//    +---------------------------------------------------------------+
//    |  authentication tag (16), over everything above               |
//    +---------------------------------------------------------------+

const MAGIC = 0x54434850;
export const PULSE_VERSION = 2;
/** HMAC-SHA256, cut to 16 bytes (RFC 2104 5). The driver makes and checks it: there is no key here. */
export const PULSE_TAG_BYTES = 16;
/** An interface has one link-local address as a rule; more than this many are not told. */
export const PULSE_SOURCES_MAX = 8;
/** One bit each in what a pulse says of the paths on which its sender hears the recipient. */
export const PULSE_PATHS_MAX = 7;
/** The bit beyond them: the recipient was heard somewhere, on a path that pulses take or by an advertisement. */
export const PULSE_HEARD_SOMEWHERE = 0x80;
/** Where these stand: 8 bytes each. */
export const PULSE_SEQUENCE_AT = 28;
export const PULSE_WATERMARK_AT = 36;
const NO_BYTES = new Uint8Array(0);
const NAME_BYTES_MAX = 255;
const FIXED_BYTES = 52;
/** The largest pulse, tag included: buffers of this size always suffice. */
export const PULSE_BYTES_MAX =
  FIXED_BYTES + 4 * (1 + NAME_BYTES_MAX) + PULSE_SOURCES_MAX * 16 + PULSE_TAG_BYTES;

/** In the order of their numbers on the wire. */
const roles = ["init", "standby", "active", "fault", "stopped"] as const;
export type PulseRole = (typeof roles)[number];

const FLAG_TABLE_COMPLETE = 0x80;
const FLAG_RESIGNING = 0x40;
const FLAG_WANTS_TO_BE_ACTIVE = 0x20;
const FLAG_GAVE_WAY = 0x10;
const FLAG_NAMES_HEIR = 0x08;
const FLAG_IS_HEIR = 0x04;
const FLAG_IN_RESERVE = 0x02;
const FLAG_FIT_IN_NEED = 0x01;

/** Whom an active that hands over has named to take over: the pulse's recipient, or another node. */
export type PulseHeir = "none" | "recipient" | "other";

export interface Pulse {
  /** Names of nodes, as in the document. */
  readonly sender: string;
  readonly recipient: string;
  /** The path that this one takes: it is worth nothing on another. */
  readonly path: string;
  /** Bit i: pulses of the recipient reach the sender on the group's path i; `PULSE_HEARD_SOMEWHERE`. */
  readonly heard: number;
  /** Never 0: 48 bits that are random per start of the sender, then a count (core/election/pulse-session.ts). */
  readonly session: bigint;
  /** The session number of the recipient that the sender heard last; 0 for none. */
  readonly echo: bigint;
  /** Grows with every pulse of a start, from 1. */
  readonly sequence: number;
  readonly group: string;
  readonly role: PulseRole;
  /** 0 means that it cannot be active; 255 is the address owner. */
  readonly effectivePriority: number;
  /** Its kernel holds every connection that the active holds. */
  readonly tableComplete: boolean;
  /** It was active, gave that up, and knows of no successor yet. */
  readonly resigning: boolean;
  /** It asks a lower-ranked active to hand over. */
  readonly wantsToBeActive: boolean;
  /** It was active a moment ago, and gave way to another active: that one announces its addresses again. */
  readonly gaveWay: boolean;
  readonly heir: PulseHeir;
  /** It is set aside, and takes over all the same before a node that does not hold every connection. */
  readonly inReserve: boolean;
  /** It is set aside, and well otherwise: an active that nothing can go through may hand over to it. */
  readonly fitInNeed: boolean;
  /** How far the replicated connections are in its kernel. */
  readonly watermark: number;
  /** Of its document: 16 hex digits. */
  readonly revision: string;
  /** Between its pulses: 1 to 65535. */
  readonly intervalMs: number;
  /** IPv6 link-local addresses that its VRRP advertisements come from: no document holds them. */
  readonly advertisementSources: readonly IpAddress[];
}

/** What a node says of itself in one group, to whomever. */
export type PulseContent = Omit<Pulse, keyof PulseHeader | keyof PulseAddress>;
/** What the conversation with a peer gives for one path. */
export type PulseHeader = Pick<Pulse, "session" | "echo" | "sequence">;
/** What depends on the recipient and the path. */
export type PulseAddress = Pick<Pulse, "sender" | "recipient" | "group" | "path" | "heard" | "heir">;

export function encodePulse(pulse: Pulse, into: ByteWriter): void {
  encodePulseOf(pulse, pulse, pulse, into);
}

/**
 * Writes the body, out of its parts: many are sent, and none needs an object of its own. The driver puts the tag behind it. At most
 * `PULSE_BYTES_MAX` bytes together.
 */
export function encodePulseOf(
  pulse: PulseContent,
  header: PulseHeader,
  to: PulseAddress,
  into: ByteWriter,
): void {
  const sourceCount = Math.min(pulse.advertisementSources.length, PULSE_SOURCES_MAX);
  const flags =
    (pulse.tableComplete ? FLAG_TABLE_COMPLETE : 0) |
    (pulse.resigning ? FLAG_RESIGNING : 0) |
    (pulse.wantsToBeActive ? FLAG_WANTS_TO_BE_ACTIVE : 0) |
    (pulse.gaveWay ? FLAG_GAVE_WAY : 0) |
    (to.heir === "none" ? 0 : FLAG_NAMES_HEIR) |
    (to.heir === "recipient" ? FLAG_IS_HEIR : 0) |
    (pulse.inReserve ? FLAG_IN_RESERVE : 0) |
    (pulse.fitInNeed ? FLAG_FIT_IN_NEED : 0);
  into.u32(MAGIC).u8(PULSE_VERSION).u8(roles.indexOf(pulse.role)).u8(pulse.effectivePriority).u8(flags);
  into
    .u16(Math.min(Math.max(1, Math.round(pulse.intervalMs)), 0xffff))
    .u8(sourceCount)
    .u8(to.heard);
  into.u64(header.session).u64(header.echo).u64Number(header.sequence).u64Number(pulse.watermark);
  into.hex(pulse.revision);
  into.text(to.group).text(to.sender).text(to.recipient).text(to.path);
  for (let i = 0; i < sourceCount; i++) into.put(pulse.advertisementSources[i] ?? NO_BYTES);
}

/**
 * Decodes the body of a pulse, whose tag has been checked. Nothing of `body` is retained.
 *
 * @param known names that are expected: those are not made anew for every pulse
 */
export function decodePulse(body: Uint8Array, known: readonly string[] = []): Pulse | DecodeError {
  const reader = new ByteReader(body);
  const magic = reader.u32();
  const version = reader.u8();
  const role = roles[reader.u8()];
  const effectivePriority = reader.u8();
  const flags = reader.u8();
  const intervalMs = reader.u16();
  const sourceCount = reader.u8();
  const heard = reader.u8();
  const session = reader.u64();
  const echo = reader.u64();
  const sequence = reader.u64Number();
  const watermark = reader.u64Number();
  const revision = reader.u64().toString(16).padStart(16, "0");
  const group = reader.text(known);
  const sender = reader.text(known);
  const recipient = reader.text(known);
  const path = reader.text(known);
  const sources = reader.take(Math.min(sourceCount, PULSE_SOURCES_MAX) * 16);
  if (reader.failed) return new DecodeError("pulse-short", reader.offset);
  if (magic !== MAGIC) return new DecodeError("pulse-magic", 0);
  if (version !== PULSE_VERSION) return new DecodeError("pulse-version", 4);
  if (role === undefined) return new DecodeError("pulse-role", 5);
  if (intervalMs === 0) return new DecodeError("pulse-interval", 8);
  if (sourceCount > PULSE_SOURCES_MAX) return new DecodeError("pulse-source-count", 10);
  if (session === 0n) return new DecodeError("pulse-session", 12);
  if (sequence > Number.MAX_SAFE_INTEGER) return new DecodeError("pulse-sequence", PULSE_SEQUENCE_AT);
  if (watermark > Number.MAX_SAFE_INTEGER) return new DecodeError("pulse-watermark", PULSE_WATERMARK_AT);
  if (reader.remaining !== 0) return new DecodeError("pulse-length", reader.offset);
  return {
    sender,
    recipient,
    path,
    heard,
    session,
    echo,
    sequence,
    group,
    role,
    effectivePriority,
    tableComplete: (flags & FLAG_TABLE_COMPLETE) !== 0,
    resigning: (flags & FLAG_RESIGNING) !== 0,
    wantsToBeActive: (flags & FLAG_WANTS_TO_BE_ACTIVE) !== 0,
    gaveWay: (flags & FLAG_GAVE_WAY) !== 0,
    heir: heirOf(flags),
    inReserve: (flags & FLAG_IN_RESERVE) !== 0,
    fitInNeed: (flags & FLAG_FIT_IN_NEED) !== 0,
    watermark,
    revision,
    intervalMs,
    advertisementSources: Array.from(
      { length: sourceCount },
      (_, i) => new Uint8Array(sources.subarray(16 * i, 16 * i + 16)),
    ),
  };
}

/** Who is the heir is told by whoever names one: alone, that bit means nothing. */
function heirOf(flags: number): PulseHeir {
  if ((flags & FLAG_NAMES_HEIR) === 0) return "none";
  return (flags & FLAG_IS_HEIR) === 0 ? "other" : "recipient";
}

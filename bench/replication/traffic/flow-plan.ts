import { SERVICES, SUBSCRIBERS } from "../../../src/lab/traffic/background-plan.ts";

/**
 * Which addresses and ports a connection of the generator has, by its number; and back, from the answers.
 *
 * The generator works in parts, each a pair of processes, so that it can keep several processors busy. Connection n
 * of part p goes from subscriber 10.77.x.y to the host of the services' network with the same last 16 bits:
 *
 *     host   p (1 bit)  n mod 32768 (15 bits)
 *     port   16384 + n / 32768
 *
 * So no address and port comes back before 1.6 thousand million connections, and the kernel never sees a connection
 * begin where the entry of an old one still stands. One connection in eight has its neighbour's destination and the
 * same source port: there, source NAT to one address has to choose another port.
 *
 * Ports 443, 53 and 4500 keep TCP, short and long UDP exchanges apart, and all of them from the lab's own background
 * flows (port 80).
 */
export const PARTS = 2;
const HOST_BITS = 15;
const HOSTS = 1 << HOST_BITS;
const PORT_FIRST = 16_384;
export const FLOWS_MAX = (65_536 - PORT_FIRST) * HOSTS;

export const TCP_PORT = 443;
/** One question, one answer, as with DNS. */
export const SHORT_PORT = 53;
/** Long enough to become what conntrack calls a stream. */
export const STREAM_PORT = 4_500;

/** One in this many shares destination and source port with the one before it. */
const SHARED_EVERY = 8;

export function subscriberOf(part: number, index: number): number {
  return SUBSCRIBERS + hostOf(part, index);
}

export function serviceOf(part: number, index: number): number {
  const shares = (index & (SHARED_EVERY - 1)) === SHARED_EVERY - 1;
  return SERVICES + hostOf(part, index) - (shares ? 1 : 0);
}

export function portOf(index: number): number {
  return PORT_FIRST + Math.floor(index / HOSTS);
}

/** The number of the connection that has this subscriber and source port, or -1. */
export function indexOf(subscriber: number, port: number): number {
  return port < PORT_FIRST ? -1 : (port - PORT_FIRST) * HOSTS + (subscriber & (HOSTS - 1));
}

function hostOf(part: number, index: number): number {
  return (part << HOST_BITS) | (index & (HOSTS - 1));
}

/** First address of a part's half of a /16, and the mask of that half. */
export function partNetwork(network: number, part: number): number {
  return network + (part << HOST_BITS);
}
export const PART_MASK = 0xffff_8000;

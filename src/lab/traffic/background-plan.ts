/**
 * Which addresses and ports a background flow has, by its number; and back, from the packets.
 *
 * Flow n goes from subscriber 10.77.(n's low 16 bits), port 10000 + (n's high bits), to the host of the services'
 * network with the same low 16 bits, port 80. All flows differ in host or port, so all are distinct behind one
 * public address too.
 */
export const SERVICE_PORT = 80;
const SUBSCRIBER_PORT_FIRST = 10_000;
/** Ports stay below the ephemeral ones. */
export const BACKGROUND_FLOWS_MAX = 65_536 * 20;

/** IPv4 addresses as unsigned numbers in host order: these frames are made by the hundred thousand. */
export const SUBSCRIBERS = 0x0a4d_0000; // 10.77.0.0/16
export const SERVICES = 0xc612_0000; // 198.18.0.0/16

export interface BackgroundFlow {
  readonly subscriber: number;
  readonly subscriberPort: number;
  readonly service: number;
}

export function backgroundFlow(index: number): BackgroundFlow {
  const host = index & 0xffff;
  return {
    subscriber: SUBSCRIBERS + host,
    subscriberPort: SUBSCRIBER_PORT_FIRST + (index >>> 16),
    service: SERVICES + host,
  };
}

/** The number of the flow that a packet to a subscriber belongs to, or -1. */
export function backgroundFlowIndex(service: number, subscriberPort: number): number {
  const round = subscriberPort - SUBSCRIBER_PORT_FIRST;
  return round < 0 ? -1 : round * 65_536 + (service & 0xffff);
}

// Every connection begins with the same numbers: only the gateway's tables look at them.
export const CLIENT_SEQUENCE = 1_000;
export const SERVER_SEQUENCE = 5_000;

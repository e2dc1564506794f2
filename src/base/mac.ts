/** An Ethernet address: 6 bytes. Treat it as immutable. */
export type MacAddress = Uint8Array;

export const broadcastMac: MacAddress = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

export function formatMac(mac: MacAddress): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

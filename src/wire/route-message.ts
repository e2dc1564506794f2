import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress } from "../base/ip.ts";
import type { MacAddress } from "../base/mac.ts";
import {
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkWriter,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from "./netlink.ts";

// uapi linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

export const RTNLGRP_LINK = 1;
export const RTNLGRP_IPV4_IFADDR = 5;
export const RTNLGRP_IPV4_ROUTE = 7;
export const RTNLGRP_IPV6_IFADDR = 9;
export const RTNLGRP_IPV6_ROUTE = 11;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
/** Frames that others send from the same hardware address still reach the device below. */
const MACVLAN_MODE_BRIDGE = 4;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;

const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
/** No duplicate address detection: a virtual address has to work at once (RFC 9568 leaves uniqueness to the election). */
const IFA_F_NODAD = 0x02;
/** Never an on-link route for the prefix. */
const IFA_F_NOPREFIXROUTE = 0x200;

export interface LinkState {
  readonly index: number;
  readonly name: string;
  readonly mac: MacAddress;
  /** Administratively up, with a carrier. */
  readonly up: boolean;
}

export interface AddressState {
  readonly deviceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
}

export interface RouteState {
  /** Undefined for the default route. */
  readonly destination: IpAddress | undefined;
  readonly prefixLength: number;
  readonly gateway: IpAddress | undefined;
  readonly deviceIndex: number | undefined;
  readonly table: number;
  /** Who has set it (rtm_protocol). */
  readonly protocol: number;
  /** Of several routes to one network that with the lowest counts; 0 where the kernel does not say. */
  readonly metric: number;
}

/** struct ifinfomsg: family, pad, type u16, index i32, flags u32, change u32; then attributes. */
export function decodeLink(message: NetlinkMessage): LinkState | DecodeError {
  const { payload } = message;
  if (payload.length < 16) return new DecodeError("link-short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const attributes = decodeAttributes(payload.subarray(16));
  if (attributes instanceof DecodeError) return attributes;
  const name = attributes.get(IFLA_IFNAME);
  const flags = view.getUint32(8, true);
  return {
    index: view.getInt32(4, true),
    name: name === undefined ? "" : new TextDecoder().decode(name).replace(/\0+$/, ""),
    mac: attributes.get(IFLA_ADDRESS)?.slice() ?? new Uint8Array(6),
    up: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
  };
}

/** struct ifaddrmsg: family, prefix length, flags, scope, index u32; then attributes. */
export function decodeAddress(message: NetlinkMessage): AddressState | DecodeError {
  const { payload } = message;
  if (payload.length < 8) return new DecodeError("address-short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const attributes = decodeAttributes(payload.subarray(8));
  if (attributes instanceof DecodeError) return attributes;
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (address === undefined || (address.length !== 4 && address.length !== 16)) {
    return new DecodeError("address-missing");
  }
  return { deviceIndex: view.getUint32(4, true), address: address.slice(), prefixLength: view.getUint8(1) };
}

/** struct rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags u32; then attributes. */
export function decodeRoute(message: NetlinkMessage): RouteState | DecodeError {
  const { payload } = message;
  if (payload.length < 12) return new DecodeError("route-short");
  const attributes = decodeAttributes(payload.subarray(12));
  if (attributes instanceof DecodeError) return attributes;
  return {
    destination: attributes.get(RTA_DST)?.slice(),
    prefixLength: payload[1] ?? 0,
    gateway: attributes.get(RTA_GATEWAY)?.slice(),
    deviceIndex: hostU32(attributes.get(RTA_OIF)),
    table: hostU32(attributes.get(RTA_TABLE)) ?? payload[4] ?? 0,
    protocol: payload[5] ?? 0,
    metric: hostU32(attributes.get(RTA_PRIORITY)) ?? 0,
  };
}

function hostU32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

export interface AddressChange {
  readonly deviceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** The kernel removes the address by itself after this time, unless it is added again before. */
  readonly validSeconds: number;
  /** IPv4: where no other address of the device leads to the network, this one does. */
  readonly keepsNetwork?: boolean;
}

/** Adds an address, or renews its lifetime where it is there already. IPv6: without duplicate address detection. */
export function writeAddAddress(writer: NetlinkWriter, change: AddressChange, sequence: number): void {
  const v6 = change.address.length === 16;
  writer.begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE, sequence);
  beginAddress(writer, change);
  const flags = (change.keepsNetwork === true ? 0 : IFA_F_NOPREFIXROUTE) | (v6 ? IFA_F_NODAD : 0);
  writer.attributeHostU32(IFA_FLAGS, flags);
  // struct ifa_cacheinfo: preferred, valid, created, updated. A preferred lifetime of 0 keeps the kernel from choosing a
  // virtual IPv6 address as the source of the node's own connections; IPv4 has no such choice.
  const lifetime = new Uint8Array(16);
  const view = new DataView(lifetime.buffer);
  view.setUint32(0, v6 ? 0 : change.validSeconds, true);
  view.setUint32(4, change.validSeconds, true);
  writer.attributeBytes(IFA_CACHEINFO, lifetime);
  writer.end();
}

export function writeDeleteAddress(
  writer: NetlinkWriter,
  change: Omit<AddressChange, "validSeconds">,
  sequence: number,
): void {
  writer.begin(RTM_DELADDR, NLM_F_REQUEST, sequence);
  beginAddress(writer, change);
  writer.end();
}

function beginAddress(writer: NetlinkWriter, change: Omit<AddressChange, "validSeconds">): void {
  writer.raw(change.address.length === 4 ? AF_INET : AF_INET6, change.prefixLength, 0, 0);
  writer.rawU32(change.deviceIndex);
  writer.attributeBytes(IFA_LOCAL, change.address);
  writer.attributeBytes(IFA_ADDRESS, change.address);
}

export interface RouteChange {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly gateway?: IpAddress;
  readonly deviceIndex?: number;
  /** Default: that of routes that an administrator sets. */
  readonly protocol?: number;
  /** Default: the kernel's, 0 for IPv4 and 1024 for IPv6. */
  readonly metric?: number;
}

export const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;
const RT_SCOPE_LINK = 253;

export function writeAddRoute(writer: NetlinkWriter, change: RouteChange, sequence: number): void {
  writeRoute(writer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, change, sequence);
}

/** Adds a route, unless there is one to the network with the same metric, whoever has set it: then the kernel refuses (EEXIST). */
export function writeAddNewRoute(writer: NetlinkWriter, change: RouteChange, sequence: number): void {
  writeRoute(writer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, change, sequence);
}

export function writeDeleteRoute(writer: NetlinkWriter, change: RouteChange, sequence: number): void {
  writeRoute(writer, RTM_DELROUTE, 0, change, sequence);
}

function writeRoute(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  change: RouteChange,
  sequence: number,
): void {
  const family = change.destination.length === 4 ? AF_INET : AF_INET6;
  const scope = change.gateway === undefined && family === AF_INET ? RT_SCOPE_LINK : 0;
  writer.begin(type, NLM_F_REQUEST | flags, sequence);
  const protocol = change.protocol ?? RTPROT_STATIC;
  writer.raw(family, change.prefixLength, 0, 0, RT_TABLE_MAIN, protocol, scope, RTN_UNICAST);
  writer.rawU32(0);
  writer.attributeBytes(RTA_DST, change.destination);
  if (change.gateway !== undefined) writer.attributeBytes(RTA_GATEWAY, change.gateway);
  if (change.deviceIndex !== undefined) writer.attributeHostU32(RTA_OIF, change.deviceIndex);
  if (change.metric !== undefined) writer.attributeHostU32(RTA_PRIORITY, change.metric);
  writer.end();
}

export function writeLinkDump(writer: NetlinkWriter): void {
  writer.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1);
  for (let i = 0; i < 4; i++) writer.rawU32(0);
  writer.end();
}

export function writeAddressDump(writer: NetlinkWriter): void {
  writer.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1);
  writer.rawU32(0);
  writer.rawU32(0);
  writer.end();
}

/** @param protocol only the routes that this one has set; a kernel that checks requests strictly sends no others */
export function writeRouteDump(writer: NetlinkWriter, family: 4 | 6, protocol = 0): void {
  writer.begin(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 1);
  writer.raw(family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
  writer.raw(0, protocol, 0, 0);
  writer.rawU32(0);
  writer.end();
}

/** Brings a device administratively up or down. */
export function writeSetLink(
  writer: NetlinkWriter,
  deviceIndex: number,
  up: boolean,
  sequence: number,
): void {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST, sequence);
  writer.rawU32(0);
  writer.rawU32(deviceIndex);
  writer.rawU32(up ? IFF_UP : 0);
  writer.rawU32(IFF_UP);
  writer.end();
}

export interface MacvlanDevice {
  readonly name: string;
  /** The device that it lies above. */
  readonly parentIndex: number;
  readonly mac: MacAddress;
}

/** Makes a device with a hardware address of its own above another one; it is down at first. */
export function writeAddMacvlan(writer: NetlinkWriter, device: MacvlanDevice, sequence: number): void {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, sequence);
  for (let i = 0; i < 4; i++) writer.rawU32(0);
  writer.attributeBytes(IFLA_IFNAME, new TextEncoder().encode(`${device.name}\0`));
  writer.attributeHostU32(IFLA_LINK, device.parentIndex);
  writer.attributeBytes(IFLA_ADDRESS, device.mac);
  const information = writer.beginNested(IFLA_LINKINFO);
  writer.attributeBytes(IFLA_INFO_KIND, new TextEncoder().encode("macvlan"));
  const data = writer.beginNested(IFLA_INFO_DATA);
  writer.attributeHostU32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
  writer.endNested(data);
  writer.endNested(information);
  writer.end();
}

export function writeDeleteLink(writer: NetlinkWriter, deviceIndex: number, sequence: number): void {
  writer.begin(RTM_DELLINK, NLM_F_REQUEST, sequence);
  writer.rawU32(0);
  writer.rawU32(deviceIndex);
  writer.rawU32(0);
  writer.rawU32(0);
  writer.end();
}

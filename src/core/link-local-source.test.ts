import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIp, validIp } from "../base/ip.ts";
import type { AddressState } from "../wire/route-message.ts";
import { LinkLocalSource } from "./link-local-source.ts";

const LAN = 2;
const WAN = 3;
const VIRTUAL = ["fe80::51:1", "fe80::52:1"];

function at(deviceIndex: number, address: string): AddressState {
  return { deviceIndex, address: validIp(address), prefixLength: 64 };
}

function lan(address: string): AddressState {
  return at(LAN, address);
}

function onLan(): LinkLocalSource {
  const source = new LinkLocalSource(VIRTUAL.map(validIp));
  source.setDevice(LAN);
  return source;
}

function textOf({ address }: LinkLocalSource): string | undefined {
  return address === undefined ? undefined : formatIp(address);
}

describe("the link-local source", () => {
  it("stays while the device has it, whatever else comes, is renewed and goes", () => {
    const source = onLan();
    assert.equal(textOf(source), undefined);
    assert.equal(source.added(lan("fe80::2")), true);
    for (const other of ["fe80::5", "fe80::1", "fe80::2", "fe80::5"])
      assert.equal(source.added(lan(other)), false, other);
    assert.equal(textOf(source), "fe80::2");
    assert.equal(source.removed(lan("fe80::5")), false);
    assert.equal(source.removed(lan("fe80::1")), false);
    assert.equal(textOf(source), "fe80::2");
  });

  it("is the one that has been there for longest when the one before goes", () => {
    const source = onLan();
    for (const address of ["fe80::2", "fe80::5", "fe80::6"]) source.added(lan(address));
    assert.equal(source.removed(lan("fe80::2")), true);
    assert.equal(textOf(source), "fe80::5");
    assert.equal(source.added(lan("fe80::2")), false, "no way back: others know it by the present one");
    assert.equal(source.removed(lan("fe80::5")), true);
    assert.equal(textOf(source), "fe80::6");
    assert.equal(source.removed(lan("fe80::6")), true);
    assert.equal(textOf(source), "fe80::2");
    assert.equal(source.removed(lan("fe80::2")), true);
    assert.equal(textOf(source), undefined);
  });

  it("is no virtual address of any group, and none of another device, another scope or another family", () => {
    const source = onLan();
    const others = [...VIRTUAL, "fd00:1::2", "169.254.0.2"].map(lan);
    for (const other of [...others, at(WAN, "fe80::3")]) assert.equal(source.added(other), false);
    assert.equal(textOf(source), undefined);
    source.added(lan("fe80::2"));
    for (const other of [...others, at(WAN, "fe80::2")]) assert.equal(source.removed(other), false);
    assert.equal(textOf(source), "fe80::2");
  });

  it("is the oldest of all that are read, unless there is one already", () => {
    const source = onLan();
    const listed = ["fe80::52:1", "fe80::5", "fe80::2", "fd00:1::2"].map(lan);
    assert.equal(source.read(listed), true);
    assert.equal(textOf(source), "fe80::2", "the kernel lists the newest first");
    assert.equal(source.read([lan("fe80::2"), lan("fe80::5")]), false);
    assert.equal(textOf(source), "fe80::2");
  });

  it("is none that went without a word", () => {
    const source = onLan();
    for (const address of ["fe80::2", "fe80::5"]) source.added(lan(address));
    assert.equal(source.read([lan("fe80::5"), at(WAN, "fe80::2")]), true);
    assert.equal(textOf(source), "fe80::5");
    assert.equal(source.removed(lan("fe80::5")), true);
    assert.equal(textOf(source), undefined, "fe80::2 was not kept in reserve");
  });

  it("is forgotten with its device, and kept while the same one is away", () => {
    const source = onLan();
    source.added(lan("fe80::2"));
    source.setDevice(LAN);
    assert.equal(textOf(source), "fe80::2");
    source.setDevice(WAN);
    assert.equal(textOf(source), undefined);
    assert.equal(source.added(lan("fe80::2")), false);
    assert.equal(source.added(at(WAN, "fe80::2")), true);
  });
});

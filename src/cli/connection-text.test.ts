import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Connection, ConnectionCount, ConnectionTop, ConnectionWalk } from "../contract/connections.ts";
import { connectionCountText } from "./connection-count-text.ts";
import { ConnectionLines } from "./connection-text.ts";
import { barOf, connectionTopText } from "./connection-top-text.ts";
import { plainPaper } from "./terminal.ts";

const web: Connection = {
  ...{ protocol: "tcp", state: "ESTABLISHED", source: "10.1.0.7", sourcePort: 40_000 },
  ...{ destination: "203.0.113.9", destinationPort: 443 },
  ...{ translatedSource: "192.0.2.1", translatedSourcePort: 50_000 },
  ...{ timeoutSeconds: 431_999, assured: true, mirrored: true },
};
const web6: Connection = {
  ...{ protocol: "tcp", state: "SYN_SENT", source: "fd00:1::7", sourcePort: 40_000 },
  ...{ destination: "2001:db8::1", destinationPort: 80 },
  ...{ translatedDestination: "fd00:1::80", translatedDestinationPort: 8_080 },
  ...{ timeoutSeconds: 12, assured: false, mirrored: false, mark: 16, zone: 3 },
};
const ping: Connection = {
  ...{ protocol: "icmp", state: "REPLIED", source: "10.1.0.7", destination: "203.0.113.9" },
  ...{ icmpId: 77, icmpType: 8, icmpCode: 0, translatedSource: "192.0.2.1", translatedIcmpId: 78 },
  ...{ timeoutSeconds: 59, assured: false, mirrored: false },
};

describe("ConnectionLines", () => {
  it("is a table as wide as its content when all is known", () => {
    const lines = new ConnectionLines(plainPaper);
    assert.equal([web, web6, ping].map((one) => lines.add(one)).join(""), "");
    const expected = `
PROTO  STATE        SOURCE                DESTINATION               TRANSLATED             EXPIRES  MIRRORED
tcp    ESTABLISHED  10.1.0.7:40000     -> 203.0.113.9:443           192.0.2.1:50000       119h 59m  yes
tcp    SYN_SENT     [fd00:1::7]:40000  -> [2001:db8::1]:80          -> [fd00:1::80]:8080       12s  no        mark 0x10 zone 3
icmp   REPLIED      10.1.0.7           -> 203.0.113.9 type 8 id 77  192.0.2.1 id 78            59s  no
`;
    assert.equal(`\n${lines.end()}`, expected);
  });

  it("goes on with widths that fit what comes, once the first ones are printed", () => {
    const lines = new ConnectionLines(plainPaper);
    lines.add(web);
    const head = lines.flush();
    const later = lines.add({ ...web, source: "10.250.199.199" });
    assert.equal(head.split("\n")[1]?.indexOf("->"), later.indexOf("->"));
    assert.equal(lines.end(), "");
  });

  it("holds back no more than a sample", () => {
    const lines = new ConnectionLines(plainPaper);
    let printed = "";
    for (let i = 0; i < 300; i++) printed += lines.add(web);
    assert.equal(printed.split("\n").length, 302);
    assert.match(printed, /^PROTO/);
  });

  it("prints nothing, not even titles, when there is nothing", () => {
    assert.equal(new ConnectionLines(plainPaper).end(), "");
  });
});

const walk: ConnectionWalk = { node: "gw1", read: 1_000, entries: 990, matched: 1_000, end: "done" };

describe("connectionCountText", () => {
  const count: ConnectionCount = {
    total: 1_000,
    families: { ipv4: 900, ipv6: 100 },
    protocols: { tcp: 980, udp: 20 },
    states: { "tcp ESTABLISHED": 979, "udp UNREPLIED": 20, "tcp SYN_SENT": 1 },
    translated: { source: 990, destination: 1, both: 0, none: 9 },
    mirrored: { yes: 979, no: 21 },
  };

  it("is a sentence and two tables", () => {
    const expected = `
gw1: 1,000 connections, 979 of a kind that is mirrored (97.9%)

PROTOCOL  STATE        CONNECTIONS  SHARE
tcp                            980  98.0%
          ESTABLISHED          979  97.9%
          SYN_SENT               1   0.1%
udp                             20   2.0%
          UNREPLIED             20   2.0%

OF THEM                  CONNECTIONS  SHARE
translated  source               990  99.0%
            destination            1   0.1%
            both                   0   0.0%
            not at all             9   0.9%
family      IPv4                 900  90.0%
            IPv6                 100  10.0%
`;
    assert.equal(`\n${connectionCountText(count, walk, plainPaper)}`, expected);
  });

  it("says of how many they were chosen", () => {
    assert.match(
      connectionCountText(count, { ...walk, read: 5_000 }, plainPaper),
      /^gw1: 1,000 connections of the 5,000 in its table,/,
    );
    const none = { ...count, total: 0 };
    assert.equal(
      connectionCountText(none, { ...walk, read: 5_000 }, plainPaper),
      "gw1: no connections of the 5,000 in its table\n",
    );
    assert.equal(connectionCountText(none, { ...walk, read: 0 }, plainPaper), "gw1: no connections\n");
  });
});

describe("connectionTopText", () => {
  const top: ConnectionTop = {
    by: "source",
    entries: [
      { key: "10.1.0.7", connections: 800 },
      { key: "10.1.0.8", connections: 200 },
      { key: "10.1.0.9", connections: 1 },
    ],
    distinct: 3,
    uncertainty: 0,
  };

  it("draws bars where they are wished for, within the paper's width", () => {
    const text = connectionTopText(top, walk, plainPaper, { bar: "#" });
    assert.match(text, /^gw1: 1,000 connections, 3 source addresses\n\nSOURCE/);
    assert.match(text, /^10\.1\.0\.7 +800 {2}80\.0% {2}#+$/m);
    const bars = ["10.1.0.7", "10.1.0.8", "10.1.0.9"].map(
      (key) => new RegExp(`^${key}[^#]*(#+)$`, "m").exec(text)?.[1]?.length ?? 0,
    );
    assert.equal(bars[1], Math.round((bars[0] ?? 0) / 4));
    assert.equal(bars[2], 1);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
    assert.doesNotMatch(connectionTopText(top, walk, plainPaper, { bar: undefined }), /#/);
  });

  it("says what it does not know for sure", () => {
    const text = connectionTopText({ ...top, distinct: null, uncertainty: 30 }, walk, plainPaper, {
      bar: undefined,
    });
    assert.match(text, /very many source addresses/);
    assert.match(text.replace(/\s+/g, " "), /up to 30 too low, and what is not shown here has at most 31\./);
  });

  it("takes block characters only where the terminal knows them", () => {
    const terminal = { isTTY: true } as NodeJS.WriteStream;
    assert.equal(barOf(terminal, { LANG: "en_US.UTF-8" }), "█");
    assert.equal(barOf(terminal, { LANG: "en_US.UTF-8", LC_ALL: "C" }), "#");
    assert.equal(barOf({ isTTY: false } as NodeJS.WriteStream, { LANG: "en_US.UTF-8" }), undefined);
  });
});

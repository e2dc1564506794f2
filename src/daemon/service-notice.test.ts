import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { UnixDatagramSocket } from "../linux/unix-datagram.ts";
import type { ProcessReport } from "./role-report.ts";
import { ServiceNotice, type ServiceState, statusSentence } from "./service-notice.ts";

const path = `@tocha-notice-${process.pid}`;
let manager: UnixDatagramSocket;

beforeEach(() => {
  manager = new UnixDatagramSocket();
  manager.bind(path);
});

afterEach(() => manager.close());

function received(): string[] {
  const texts: string[] = [];
  const into = new Uint8Array(1_000);
  for (;;) {
    const length = manager.receive(into);
    if (length === undefined) return texts;
    texts.push(new TextDecoder().decode(into.subarray(0, length)));
  }
}

const worker = (role: ProcessReport["role"], more: Partial<ProcessReport> = {}): ProcessReport => ({
  ...{ role, pid: 1, restarts: 0, state: "answers", hangs: 0, failures: 0 },
  ...more,
});

const state = (more: Partial<ServiceState> = {}): ServiceState => ({
  processes: [worker("control"), worker("replicator"), worker("failover")],
  ...{ allUp: true, activeGroups: [], onlyGroup: true, nowMs: 0 },
  ...more,
});

describe("ServiceNotice", () => {
  it("is ready when all roles are up, once, and says its state when that changes", () => {
    const notice = new ServiceNotice({ NOTIFY_SOCKET: path });
    notice.update(state({ allUp: false }));
    assert.equal(notice.isWaiting, true);
    notice.update(state());
    assert.equal(notice.isWaiting, false);
    notice.update(state());
    notice.update(state({ activeGroups: ["campus"] }));
    assert.deepEqual(received(), [
      "STATUS=starting",
      "STATUS=standby; all processes answer",
      "READY=1",
      "STATUS=active; all processes answer",
    ]);
  });

  it("gives signs of life at half of the time, and none while a role is silent", () => {
    const notice = new ServiceNotice({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "10000000" });
    const signs = (nowMs: number, role: ProcessReport["state"]) => {
      notice.update(state({ nowMs, processes: [worker("control", { state: role })] }));
      return received().filter((text) => text === "WATCHDOG=1").length;
    };
    assert.equal(signs(0, "answers"), 1);
    assert.equal(signs(4_999, "answers"), 0);
    assert.equal(signs(5_000, "starting"), 1);
    assert.equal(signs(10_000, "silent"), 0);
    assert.equal(signs(11_000, "hangs"), 0);
    // One that has ended is started again: the others need not go with it.
    assert.equal(signs(12_000, "waiting"), 1);
  });

  it("gives no signs of life where nobody watches this process", () => {
    for (const more of [{}, { WATCHDOG_USEC: "0" }, { WATCHDOG_USEC: "10000000", WATCHDOG_PID: "1" }]) {
      new ServiceNotice({ NOTIFY_SOCKET: path, ...more }).update(state());
      assert.ok(!received().includes("WATCHDOG=1"), JSON.stringify(more));
    }
    const own = { WATCHDOG_USEC: "10000000", WATCHDOG_PID: String(process.pid) };
    new ServiceNotice({ NOTIFY_SOCKET: path, ...own }).update(state());
    assert.ok(received().includes("WATCHDOG=1"));
  });

  it("says that it stops, and then nothing more", () => {
    const notice = new ServiceNotice({ NOTIFY_SOCKET: path });
    notice.stopping();
    notice.update(state());
    assert.deepEqual(received(), ["STOPPING=1\nSTATUS=withdrawing and stopping"]);
  });

  it("is silent without a service manager, and keeps the roles from speaking to it", () => {
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "1", WATCHDOG_PID: "1", PATH: "/bin" };
    new ServiceNotice(environment);
    assert.deepEqual(environment, { PATH: "/bin" });
    const without = new ServiceNotice({});
    without.update(state());
    assert.equal(without.isWaiting, false);
    assert.deepEqual(received(), []);
  });

  it("says again what the manager had no room for", () => {
    const notice = new ServiceNotice({ NOTIFY_SOCKET: path });
    const other = new UnixDatagramSocket();
    while (other.send(path, new Uint8Array(1)) === true);
    notice.update(state());
    assert.equal(notice.isWaiting, true);
    received();
    notice.update(state());
    assert.deepEqual(received(), ["STATUS=standby; all processes answer", "READY=1"]);
    other.close();
  });
});

describe("statusSentence", () => {
  it("names what does not work", () => {
    const processes = [
      worker("control", { state: "hangs" }),
      worker("replicator", { state: "waiting", failures: 4, lastEnd: "SIGABRT" }),
      worker("failover", { state: "waiting" }),
    ];
    assert.equal(
      statusSentence(state({ processes, activeGroups: ["campus", "guests"], onlyGroup: false })),
      "active for campus, guests; control does not answer; replicator has failed 4 times in a row (SIGABRT); failover is started again",
    );
  });
});

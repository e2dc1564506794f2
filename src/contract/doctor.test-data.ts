import type { DoctorReport } from "./doctor.ts";

/** A report with findings of every severity. */
export function exampleReport(): DoctorReport {
  return {
    cluster: "campus",
    asOf: "2026-08-01T10:00:00.000Z",
    verdict: "error",
    summary: "2 nodes examined: 1 error, 1 warning, 1 note",
    nodes: [
      { name: "gw1", examined: true },
      { name: "gw2", examined: true },
    ],
    findings: [
      {
        ...{ node: "gw1", severity: "note", code: "no-ipvs", on: "kernel", what: "the kernel has no IPVS" },
        why: "Address translation does not need it; balancing load over servers by IPVS would.",
        command: "modprobe ip_vs",
      },
      {
        node: "gw1",
        severity: "ok",
        code: "tools",
        what: "nft and ip are installed",
        on: "",
        why: "",
        command: "",
      },
      { node: "gw1", severity: "ok", code: "mtu", what: "the same MTU", on: "", why: "", command: "" },
      {
        ...{ node: "gw2", severity: "error", code: "sysctl-differs", on: "net.ipv4.ip_forward" },
        what: "net.ipv4.ip_forward is 0, the node has set 1: somebody has changed it; /etc/sysctl.d/99-hardening.conf sets it so",
        ...{ why: "The node is an IPv4 router.", command: "sysctl -w net.ipv4.ip_forward=1" },
      },
      {
        ...{ node: "gw2", severity: "warning", code: "mtu-differs", on: "eth0" },
        what: "eth0 has an MTU of 1400, gw1 has 1500 on lan",
        why: "Large packets that others on this link send do not arrive after a takeover.",
        command: "ip link set dev eth0 mtu 1500",
      },
    ],
  };
}

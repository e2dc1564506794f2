import type { Statement } from "./block-file.ts";
import type { Remarks } from "./remark.ts";

// What becomes of keepalived's keywords that have no counterpart in the document: one table, looked up by keyword.

export type Fate =
  | { readonly kind: "lost"; readonly why: string; readonly hint?: string }
  | { readonly kind: "needless"; readonly why: string };

const notify: Fate = {
  kind: "lost",
  why: "tocha runs no programs when a role changes",
  hint: 'Let what must happen follow "tocha status --watch -o json"; "tocha failover history" keeps what happened.',
};
const mail: Fate = {
  kind: "lost",
  why: "tocha sends no mail",
  hint: "Alert on its metrics instead (docs/guide/metrics.md).",
};
const announcements: Fate = {
  kind: "needless",
  why: "tocha announces its addresses at a takeover, again when the link comes back, and when somebody else claims them",
};
const process: Fate = { kind: "needless", why: "tocha's processes set that by themselves" };
const balancing: Fate = {
  kind: "lost",
  why: "load balancing is not tocha's",
  hint: "Let keepalived go on with its virtual servers, without its VRRP instances (keepalived --check).",
};
const ownNetwork = (what: string): Fate => ({
  kind: "lost",
  why: `tocha sets no ${what}`,
  hint: "Put it into the network configuration of every node (systemd-networkd, ifupdown): it may stand there on the standby as well.",
});
const strange = (what: string): Fate => ({
  kind: "lost",
  why: `tocha has no ${what}`,
  hint: "If the service depends on it, a check of the kind script can ask for it (docs/guide/document.md).",
});

const fates: Readonly<Record<string, Fate>> = {
  notify_master: notify,
  notify_backup: notify,
  notify_fault: notify,
  notify_stop: notify,
  notify_deleted: notify,
  notify: notify,
  notify_master_rx_lower_pri: notify,
  notify_priority_changes: notify,
  notify_fifo: notify,
  notify_fifo_script: notify,
  vrrp_notify_fifo: notify,
  vrrp_notify_fifo_script: notify,
  vrrp_notify_priority_changes: notify,
  startup_script: notify,
  shutdown_script: notify,
  startup_script_timeout: notify,
  shutdown_script_timeout: notify,
  notification_email: mail,
  notification_email_from: mail,
  smtp_server: mail,
  smtp_helo_name: mail,
  smtp_connect_timeout: mail,
  smtp_alert: mail,
  smtp_alert_vrrp: mail,
  smtp_alert_checker: mail,
  no_email_faults: mail,
  authentication: {
    kind: "lost",
    why: "VRRP has no authentication any more (RFC 3768 and RFC 9568 removed it), and tocha accepts packets without it only",
    hint: "Take it away on all routers that stay. Between tocha nodes the pulses are authenticated with the cluster's key.",
  },
  virtual_rules: ownNetwork("routing rules"),
  static_ipaddress: ownNetwork("own addresses of the node"),
  static_rules: ownNetwork("routing rules"),
  track_file: strange("files that are tracked"),
  track_process: strange("processes that are tracked"),
  track_bfd: strange("BFD"),
  vrrp_track_file: strange("files that are tracked"),
  vrrp_track_process: strange("processes that are tracked"),
  bfd_instance: strange("BFD"),
  virtual_server: balancing,
  virtual_server_group: balancing,
  SSL: balancing,
  lvs_sync_daemon: balancing,
  lvs_sync_daemon_interface: balancing,
  lvs_timeouts: balancing,
  lvs_flush: balancing,
  lvs_flush_onstop: balancing,
  checker_log_all_failures: balancing,
  garp_master_delay: announcements,
  garp_master_repeat: announcements,
  garp_master_refresh: announcements,
  garp_master_refresh_repeat: announcements,
  garp_lower_prio_delay: announcements,
  garp_lower_prio_repeat: announcements,
  garp_extra_if: announcements,
  garp_group: announcements,
  vrrp_garp_master_delay: announcements,
  vrrp_garp_master_repeat: announcements,
  vrrp_garp_master_refresh: announcements,
  vrrp_garp_master_refresh_repeat: announcements,
  vrrp_garp_lower_prio_delay: announcements,
  vrrp_garp_lower_prio_repeat: announcements,
  vrrp_garp_extra_if: announcements,
  router_id: { kind: "needless", why: "a node has its name in the document" },
  state: {
    kind: "needless",
    why: "every node begins on standby, and the one with the highest priority becomes active",
  },
  debug: process,
  process_names: process,
  process_name: process,
  vrrp_process_name: process,
  checker_process_name: process,
  bfd_process_name: process,
  vrrp_priority: process,
  vrrp_rt_priority: process,
  vrrp_rlimit_rttime: process,
  vrrp_no_swap: process,
  vrrp_cpu_affinity: process,
  checker_priority: process,
  max_auto_priority: process,
  min_auto_priority_delay: process,
  use_pid_dir: process,
  child_wait_time: process,
  instance: process,
  reload_time_file: process,
  json_version: process,
  enable_script_security: process,
  dynamic_interfaces: process,
  tmp_config_directory: process,
  config_save_dir: process,
  linkbeat_use_polling: { kind: "needless", why: "the kernel tells tocha of every change of a link" },
  linkbeat_interfaces: { kind: "needless", why: "the kernel tells tocha of every change of a link" },
  dont_track_primary: {
    kind: "lost",
    why: "an interface of a group that loses its link always makes the node hand over",
  },
  skip_check_adv_addr: { kind: "needless", why: "the addresses in advertisements decide nothing" },
  vrrp_skip_check_adv_addr: { kind: "needless", why: "the addresses in advertisements decide nothing" },
  check_unicast_src: { kind: "needless", why: "tocha hears only the routers that are listed" },
  vrrp_check_unicast_src: { kind: "needless", why: "tocha hears only the routers that are listed" },
  unicast_ttl: {
    kind: "needless",
    why: "tocha always sends 255, and accepts nothing else (RFC 9568 5.1.1.3)",
  },
  vmac_xmit_base: { kind: "needless", why: "tocha always sends from the device itself" },
  lower_prio_no_advert: { kind: "needless", why: "tocha follows RFC 9568 here" },
  vrrp_lower_prio_no_advert: { kind: "needless", why: "tocha follows RFC 9568 here" },
  higher_prio_send_advert: { kind: "needless", why: "tocha follows RFC 9568 here" },
  vrrp_higher_prio_send_advert: { kind: "needless", why: "tocha follows RFC 9568 here" },
  promote_secondaries: { kind: "needless", why: "tocha removes its own addresses only" },
  native_ipv6: { kind: "needless", why: "the addresses tell the family" },
  script_user: {
    kind: "lost",
    why: "scripts of checks run as the daemon does, as root without most of its rights",
    hint: "Write sudo -u USER or setpriv into the command if another user is needed.",
  },
  vrrp_iptables: {
    kind: "needless",
    why: "acceptMode says whether the virtual addresses answer, and tocha's own rules see to it",
  },
  vrrp_ipsets: { kind: "needless", why: "acceptMode says whether the virtual addresses answer" },
  vrrp_nftables: { kind: "needless", why: "acceptMode says whether the virtual addresses answer" },
  global_tracking: { kind: "needless", why: "checks belong to the whole group" },
  sync_group_tracking_weight: { kind: "needless", why: "checks belong to the whole group" },
  net_namespace: {
    kind: "lost",
    why: "a node runs in the network namespace that it is started in",
    hint: 'Start it there: "ip netns exec NAME tocha run".',
  },
  default_interface: { kind: "lost", why: "every address has its interface in the document" },
};

/** What becomes of a keyword that nothing reads. */
export function fateOf(keyword: string): Fate {
  if (Object.hasOwn(fates, keyword)) return fates[keyword] ?? unknown;
  return unknown;
}

const unknown: Fate = {
  kind: "lost",
  why: "tocha import does not know this keyword",
  hint: "Look it up in keepalived.conf(5): if the service needs it, say so in an issue.",
};

/** Says of a statement that nothing reads what becomes of it. */
export function remark(statement: Statement, remarks: Remarks): void {
  const fate = fateOf(statement.name);
  // Scripts of conntrackd are what tocha is there for.
  if (statement.values.some((value) => /primary-backup\.sh|conntrackd/.test(value)))
    remarks.needless(statement, "tocha moves the connections together with the addresses");
  else if (fate.kind === "needless") remarks.needless(statement, fate.why);
  else remarks.lost(statement, fate.why, fate.hint);
}

/** Words that stand for yes; keepalived takes a missing one for yes. */
export function isOn(value: string): boolean {
  return !/^(off|false|no)$/i.test(value);
}

/** What global_defs say of all instances. */
export interface InstanceDefaults {
  version: 2 | 3;
  acceptMode: boolean;
}

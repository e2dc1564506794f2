// Firewalls as people have them. The kernel judges the first one in tests/netns/import-firewall.test.ts.

/** A gateway with two sides, a port forward, and a chain of its own for each purpose. */
export const campusFirewall = `#!/usr/sbin/nft -f
flush ruleset

define lan_if = "lan"
define wan_if = "wan"
define lan_net = 10.1.0.0/24
define web = { 80, 443 }
define servers = { 192.0.2.9, 192.0.2.16-192.0.2.31 }

table inet filter {
	set blocked {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.66, 198.51.100.0/24, 203.0.113.5-203.0.113.9 }
	}
	set admins {
		type ipv4_addr
		elements = { 10.1.0.10 comment "the desk" }
	}
	set open_ports {
		type inet_service
		flags interval
		elements = { 7101, 7110-7112 }
	}

	chain logdrop {
		limit rate 5/second burst 10 packets log prefix "fw drop: "
		drop
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iif "lo" accept
		ip protocol vrrp accept
		icmp type echo-request limit rate 10/second accept
		icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
		iifname $lan_if ip saddr @admins tcp dport ssh accept comment "SSH for admins"
		iifname $lan_if udp dport { 53, 123 } accept
		tcp dport 113 reject with tcp reset
		jump logdrop
	}

	chain from_lan {
		ip saddr != $lan_net drop comment "spoofed"
		ip daddr @blocked reject
		ip daddr $servers tcp dport $web accept comment "web"
		tcp dport @open_ports accept
		udp dport domain accept
		meta l4proto { tcp, udp } th dport 7120 accept
		tcp dport > 7199 tcp dport != { 7250, 7300-7399 } accept
		icmp type echo-request accept
		tcp dport smtp reject with tcp reset comment "no mail"
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iifname vmap { $lan_if : jump from_lan }
		iifname $wan_if oifname $lan_if ip saddr 192.0.2.9 tcp dport 7400 accept comment "backup"
		ct status dnat accept
	}

	chain output {
		type filter hook output priority filter; policy accept;
	}
}

table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname $wan_if ip daddr 192.0.2.1 tcp dport 8443 dnat to 10.1.0.10:443 comment "portal"
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname $wan_if ip saddr $lan_net snat to 192.0.2.1 comment "lan out"
	}
}
`;

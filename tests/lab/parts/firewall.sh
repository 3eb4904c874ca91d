# shellcheck shell=bash
# The firewalls of both ends and of the public mail server, with the counters that tell what went where. Sourced by lab.

# load_rules NS: rules from standard input.
load_rules() { in_ns "$1" nft -f -; }

# Devices that lead into a tunnel, of either kind.
tunnel_devices() { echo "\"ipsec0\", \"$(wireguard_device "$1")\""; }

# cloud_firewall NS NETWORK NETWORK6 DESTINATIONS DESTINATIONS6: only listed destinations, and private ranges only
# through the tunnel. What would take the default route instead is counted as no_tunnel.
cloud_firewall() {
  load_rules "$1" <<END
table inet lab {
  set allowed_dst { type ipv4_addr . inet_service; flags interval; elements = { $4 } }
  set allowed_dst6 { type ipv6_addr . inet_service; flags interval; elements = { $5 } }
  set denied { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic, timeout; size 1000; timeout 1h; counter; }
  counter no_tunnel { }
  counter allowed { }
  chain forward { type filter hook forward priority filter; policy drop;
    oifname != { $(tunnel_devices "$1") } ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } counter name no_tunnel drop
    oifname != { "lan0", $(tunnel_devices "$1") } ip6 daddr fc00::/7 counter name no_tunnel drop
    ct state established,related accept
    ip saddr $2 icmp type echo-request accept
    ip6 saddr $3 icmpv6 type echo-request accept
    ip saddr $2 meta l4proto { tcp, udp } ip daddr . th dport @allowed_dst counter name allowed accept
    ip6 saddr $3 meta l4proto { tcp, udp } ip6 daddr . th dport @allowed_dst6 counter name allowed accept
    meta l4proto { tcp, udp } update @denied { ip saddr . ip daddr . meta l4proto . th dport }
  }
}
END
}

# customer_firewall NS ALERTING-IP ALERTING-IP6 SERVERS SERVERS6: only the alerting IP, only out of the tunnel, only to
# the servers.
customer_firewall() {
  load_rules "$1" <<END
table inet lab {
  set alerting_ips { type ipv4_addr; flags interval; elements = { $2 } }
  set denied { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic, timeout; size 1000; timeout 1h; counter; }
  counter allowed { }
  chain forward { type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan0" accept
    iifname { $(tunnel_devices "$1") } ip saddr @alerting_ips jump from_alerting
    iifname { $(tunnel_devices "$1") } ip6 saddr $3 jump from_alerting
    jump deny
  }
  chain from_alerting {
    icmp type echo-request accept
    icmpv6 type echo-request accept
    ip daddr { $4 } tcp dport { 25, 53, 465, 514, 587, 6514 } counter name allowed accept
    ip daddr { $4 } udp dport { 53, 514 } counter name allowed accept
    ip6 daddr $5 tcp dport { 25, 465, 587 } counter name allowed accept
  }
  chain deny {
    meta l4proto { tcp, udp } update @denied { ip saddr . ip daddr . meta l4proto . th dport }
    jump deny_how
  }
  chain deny_how { drop; }
}
END
}

# count_arrivals NS: packets that reach the server at the address which both customers use.
count_arrivals() {
  load_rules "$1" <<END
table inet lab {
  counter same_address { }
  chain input { type filter hook input priority filter; policy accept;
    ip daddr $same_ip tcp dport { 25, 465, 587 } counter name same_address
  }
}
END
}

# destinations ADDRESS PORT…: elements of the set allowed_dst.
destinations() {
  local address=$1 port list=()
  shift
  for port in "$@"; do list+=("$address . $port"); done
  (IFS=,; echo "${list[*]}")
}

make_firewalls() {
  local mail=(25 465 587)
  cloud_firewall cloudgw "$cloud_net" "$cloud_net6" "$(first_server), $(destinations $smtp_ip_2 "${mail[@]}"), \
    $(destinations $same_ip "${mail[@]}"), $(destinations $public_ip "${mail[@]}")" "$(destinations $smtp_ip6 "${mail[@]}")"
  cloud_firewall cloudgw2 "$cloud_net_2" "$cloud_net6" "$(destinations $same_ip "${mail[@]}")" \
    "$(destinations $smtp_ip6 "${mail[@]}")"
  customer_firewall custgw $alerting_ip $alerting_ip6 "$smtp_ip, $smtp_ip_2, $same_ip" $smtp_ip6
  customer_firewall custgw2 $alerting_ip_2 $alerting_ip6 $same_ip $smtp_ip6
  count_arrivals customer
  count_arrivals customer2
  load_rules internet <<END
table inet lab {
  set public_allowed { type ipv4_addr; elements = { $alerting_ip } }
  counter public_denied { }
  chain input { type filter hook input priority filter; policy accept;
    ip daddr $public_ip tcp dport { 25, 465, 587 } ip saddr != @public_allowed counter name public_denied drop
  }
}
END
}

# What the fault cloud-allowlist-missing takes away.
first_server() { destinations $smtp_ip 25 53 465 587 514 6514; }

# command_counter NS NAME
command_counter() {
  in_ns "${1:?counter in which namespace?}" nft -j list counter inet lab "${2:?which counter?}" |
    sed -E 's/.*"packets": ([0-9]+).*/\1/'
}

# Who was denied in a namespace, one after the other.
denied() {
  in_ns "$1" nft -j list set inet lab denied | "$python" -c '
import json, sys
for item in json.load(sys.stdin)["nftables"]:
    for element in item.get("set", {}).get("elem", []):
        source, target, protocol, port = element["elem"]["val"]["concat"]
        packets = element["elem"]["counter"]["packets"]
        print(f"{source}->{target}:{port}/{protocol}x{packets}", end=" ")'
}

# shellcheck shell=bash
# Namespaces, links, addresses and routes. Sourced by lab.

namespaces=(cloud cloudgw internet custgw customer cloud2 cloudgw2 custgw2 customer2)

# The first customer. The cloud's host is .20; the alerting IP is a second address of it, so a probe that forgets to
# bind leaves by the wrong one.
alerting_ip=198.51.100.25
# What the fault wrong-source-ip leaves by.
other_ip=198.51.100.26
cloud_net=198.51.100.16/28
customer_net=10.20.0.0/24
# What the fault selector-mismatch covers: 10.20.0.200 but not 10.20.0.25.
customer_half=10.20.0.128/25
smtp_ip=10.20.0.25
smtp_ip_2=10.20.0.200
# The two customers have this network and this server both.
same_net=10.1.2.0/24
same_ip=10.1.2.3
# IPv6 exists inside the first tunnel only.
cloud_net6=2001:db8:100::/64
alerting_ip6=2001:db8:100::25
customer_net6=fd00:10:20::/64
smtp_ip6=fd00:10:20::25
# The second customer.
alerting_ip_2=198.51.100.41
cloud_net_2=198.51.100.32/28
public_ip=192.0.2.25

# The gateways: address in the internet, the other end, the networks behind, identity.
gateways=(cloudgw custgw cloudgw2 custgw2)
declare -A outside=([cloudgw]=198.51.100.2 [custgw]=203.0.113.2 [cloudgw2]=198.51.100.6 [custgw2]=203.0.113.6)
declare -A peer_of=([cloudgw]=custgw [custgw]=cloudgw [cloudgw2]=custgw2 [custgw2]=cloudgw2)
declare -A inside=(
  [cloudgw]="$cloud_net $cloud_net6" [custgw]="$customer_net $same_net $customer_net6"
  [cloudgw2]="$cloud_net_2" [custgw2]="$same_net")
declare -A identity=(
  [cloudgw]=cloud.vendor.example [custgw]=gw.customer.example
  [cloudgw2]=cloud-2.vendor.example [custgw2]=gw.second.example)

ns() { echo "$lab-$1"; }
# in_ns NS CMD…
in_ns() {
  local name=$1
  shift
  ip netns exec "$(ns "$name")" "$@"
}
# ip_in NS …
ip_in() {
  local name=$1
  shift
  ip -n "$(ns "$name")" "$@"
}

# link NS DEVICE ADDRESS NS DEVICE ADDRESS: a cable between two namespaces.
link() {
  ip_in "$1" link add "$2" type veth peer name "$5" netns "$(ns "$4")"
  ip_in "$1" addr add "$3" dev "$2"
  ip_in "$4" addr add "$6" dev "$5"
  ip_in "$1" link set "$2" up
  ip_in "$4" link set "$5" up
}

make_links() {
  local name
  [ -d /run/netns ] || touch /run/postern-lab.made-netns
  for name in "${namespaces[@]}"; do
    ip netns add "$(ns "$name")"
    in_ns "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
      net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip_in "$name" link set lo up
  done
  for name in internet "${gateways[@]}"; do in_ns "$name" sysctl -qw net.ipv4.ip_forward=1; done
  # As systemd sets it: anyone may ping.
  for name in cloud cloud2; do in_ns $name sysctl -qw net.ipv4.ping_group_range="0 2147483647"; done

  link cloud    eth0 198.51.100.20/28 cloudgw  lan0 198.51.100.17/28
  link cloudgw  wan0 198.51.100.2/30  internet c0   198.51.100.1/30
  link internet k0   203.0.113.1/30   custgw   wan0 203.0.113.2/30
  link custgw   lan0 10.20.0.1/24     customer eth0 $smtp_ip/24
  ip_in cloud    addr add $alerting_ip/28 dev eth0
  ip_in customer addr add $smtp_ip_2/24 dev eth0
  ip_in customer addr add $same_ip/24 dev eth0
  ip_in custgw   addr add 10.1.2.1/24 dev lan0
  # kernel-libipsec takes a selector only if the gateway has an address of its own inside it, customer_half too.
  ip_in custgw   addr add 10.20.0.254/24 dev lan0

  link cloud2   eth0 198.51.100.36/28 cloudgw2  lan0 198.51.100.33/28
  link cloudgw2 wan0 198.51.100.6/30  internet  c1   198.51.100.5/30
  link internet k1   203.0.113.5/30   custgw2   wan0 203.0.113.6/30
  link custgw2  lan0 10.1.2.1/24      customer2 eth0 $same_ip/24
  ip_in cloud2  addr add $alerting_ip_2/28 dev eth0

  ip_in internet addr add $public_ip/32 dev lo
  ip_in internet route add $cloud_net via 198.51.100.2
  ip_in internet route add $cloud_net_2 via 198.51.100.6
  ip_in cloud     route add default via 198.51.100.17
  ip_in cloudgw   route add default via 198.51.100.1
  ip_in custgw    route add default via 203.0.113.1
  ip_in customer  route add default via 10.20.0.1
  ip_in cloud2    route add default via 198.51.100.33
  ip_in cloudgw2  route add default via 198.51.100.5
  ip_in custgw2   route add default via 203.0.113.5
  ip_in customer2 route add default via 10.1.2.1
  make_links6
  make_names
}

make_links6() {
  local name
  for name in cloud cloudgw custgw customer; do
    in_ns $name sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
      net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  done
  for name in cloudgw custgw; do in_ns $name sysctl -qw net.ipv6.conf.all.forwarding=1; done
  ip_in cloud    addr add 2001:db8:100::20/64 dev eth0 nodad
  ip_in cloud    addr add $alerting_ip6/64 dev eth0 nodad
  ip_in cloudgw  addr add 2001:db8:100::17/64 dev lan0 nodad
  ip_in custgw   addr add fd00:10:20::1/64 dev lan0 nodad
  ip_in customer addr add $smtp_ip6/64 dev eth0 nodad
  ip_in cloud    route add default via 2001:db8:100::17
  ip_in customer route add default via fd00:10:20::1
}

# What run-in shows as /etc/hosts and /etc/resolv.conf. Nobody listens there, so a look-up fails at once.
make_names() {
  cat >"$state/hosts" <<END
127.0.0.1 localhost
$smtp_ip mail.customer.example syslog.customer.example
$smtp_ip_2 mail2.customer.example
$public_ip mail.public.example
END
  echo "nameserver 127.0.0.1" >"$state/resolv.conf"
}

# The last lab takes the folder with it that the first one made.
remove_netns_folder() {
  [ -e /run/postern-lab.made-netns ] || return 0
  [ -z "$(ls -A /run/netns 2>/dev/null)" ] || return 0
  umount /run/netns 2>/dev/null || true
  rmdir /run/netns 2>/dev/null || true
  rm -f /run/postern-lab.made-netns
}

# shellcheck shell=bash
# The faults, all of the first customer. For each NAME there are on_NAME and off_NAME; most faults of the network are an
# nftables table of their own. An off_NAME that sets tunnel_is_stale has the tunnel set up afresh once all is healed.
# Sourced by lab.

latency_ms=${LAB_LATENCY_MS:-600}
loss_percent=${LAB_LOSS_PERCENT:-20}

list_faults() {
  cat <<'END'
tunnel-down                 the tunnel is ended on both gateways (WireGuard: the peers removed)
tunnel-psk-mismatch         IKE: the customer's gateway holds another pre-shared key (ipsec only)
tunnel-ts-unacceptable      IKE: the selectors do not overlap at all, no child SA (ipsec only)
selector-mismatch           the tunnel covers 10.20.0.128/25: 10.20.0.25 is outside, 10.20.0.200 inside
selector-mismatch-source    the tunnel covers 198.51.100.16/29: the alerting IP is outside
peer-dead                   tunnel packets are lost in the internet; the SA still looks established for a while
no-route                    the cloud's host has no route to 10.20.0.0/24
no-route-gateway            the cloud's gateway answers "network unreachable"
no-return-route             the customer's gateway has no route back to the cloud
cloud-allowlist-missing     the target is not on the cloud's allowlist: dropped at the cloud's gateway
customer-allowlist-missing  the alerting IP is not on the customer's allowlist: dropped silently
customer-allowlist-reset    the same, answered with TCP RST
customer-allowlist-reject   the same, answered with ICMP port unreachable
customer-allowlist-prohibit the same, answered with ICMP administratively prohibited
customer-allowlist-open     the customer's allowlist lets anyone in (to see who really comes)
public-allowlist-missing    the public mail server does not know the alerting IP: dropped
wrong-source-ip             the cloud's gateway translates the alerting IP to 198.51.100.26
port-closed                 the customer's mail server is stopped
mtu-blackhole               the path takes 1000 octets, and ICMP "fragmentation needed" is lost
latency                     600 ms more round trip (LAB_LATENCY_MS)
loss                        20 % of the packets are lost, each way (LAB_LOSS_PERCENT)
banner-delay                the mail server greets after 20 s
smtp-greylist               RCPT without AUTH is put off with 451 for 30 s (LAB_GREYLIST_S at "up")
starttls-stripped           EHLO does not offer STARTTLS (nor, therefore, AUTH)
cert-expired                the mail server's certificate ended 10 days ago
cert-name-mismatch          the certificate is for old-name.customer.example
cert-untrusted              the certificate is self-signed
dns-changed                 the customer's resolver answers 10.20.0.200 in place of 10.20.0.25
auth-wrong                  the server refuses the right password: 535
END
}
fault_names() { list_faults | awk '{ print $1 }'; }

# The faults that are on, one a line.
faults_on() {
  local file
  for file in "$state"/fault/*; do
    [ ! -e "$file" ] || echo "${file##*/}"
  done
}

# fault_rules NS NAME RULES: a table that exists while the fault does.
fault_rules() { load_rules "$1" <<<"table inet fault_${2//-/_} { $3
  }"; }
no_fault_rules() { in_ns "$1" nft delete table inet "fault_${2//-/_}" 2>/dev/null || true; }

only_ipsec() { [ "$tunnel_kind" = ipsec ] || { rm -f "$state/fault/$1"; die "the fault $1 needs a lab with ipsec"; }; }

on_tunnel_down() { vpn disconnect; }
off_tunnel_down() { tunnel_is_stale=1; }
on_tunnel_psk_mismatch() { only_ipsec tunnel-psk-mismatch; ipsec_wrong_peer "${inside[custgw]}" another-psk; }
off_tunnel_psk_mismatch() { tunnel_is_stale=1; }
on_tunnel_ts_unacceptable() { only_ipsec tunnel-ts-unacceptable; ipsec_wrong_peer 10.99.0.0/24 lab-psk; }
off_tunnel_ts_unacceptable() { tunnel_is_stale=1; }

on_selector_mismatch() { vpn selectors "${inside[cloudgw]}" "${inside[custgw]/$customer_net/$customer_half}"; }
off_selector_mismatch() { tunnel_is_stale=1; }
on_selector_mismatch_source() { vpn selectors "${inside[cloudgw]/$cloud_net/198.51.100.16\/29}" "${inside[custgw]}"; }
off_selector_mismatch_source() { tunnel_is_stale=1; }

on_peer_dead() { fault_rules internet peer-dead "
  chain f { type filter hook forward priority -10; iifname { c0, k0 } udp dport { 500, 4500, 51820 } counter drop; }"; }
# Dead-peer detection may be half way.
off_peer_dead() { no_fault_rules internet peer-dead; tunnel_is_stale=1; }

on_no_route() { ip_in cloud route replace throw $customer_net; }
off_no_route() { ip_in cloud route del throw $customer_net; }
on_no_route_gateway() { ip_in cloudgw rule add pref 100 to $customer_net unreachable; }
off_no_route_gateway() { ip_in cloudgw rule del pref 100; }
on_no_return_route() { ip_in custgw rule add pref 100 to $cloud_net blackhole; }
off_no_return_route() { ip_in custgw rule del pref 100; }

# cloud_allows add|delete
cloud_allows() { in_ns cloudgw nft "$1" element inet lab allowed_dst "{ $(first_server) }"; }
on_cloud_allowlist_missing() { cloud_allows delete; }
off_cloud_allowlist_missing() { cloud_allows add; }

# One of these four at a time: each replaces the other's answer, and healing any lets the address in again.
customer_allows() { in_ns custgw nft "$1" element inet lab alerting_ips "{ $alerting_ip }"; }
deny_how() { load_rules custgw <<<"flush chain inet lab deny_how
  add rule inet lab deny_how $1"; }
deny_on() { customer_allows delete 2>/dev/null || true; deny_how "$1"; }
deny_off() { deny_how drop; customer_allows add; }
on_customer_allowlist_missing() { deny_on drop; }
off_customer_allowlist_missing() { deny_off; }
on_customer_allowlist_reset() { deny_on "meta l4proto tcp reject with tcp reset"; }
off_customer_allowlist_reset() { deny_off; }
on_customer_allowlist_reject() { deny_on reject; }
off_customer_allowlist_reject() { deny_off; }
on_customer_allowlist_prohibit() { deny_on "reject with icmpx admin-prohibited"; }
off_customer_allowlist_prohibit() { deny_off; }

on_customer_allowlist_open() {
  in_ns custgw nft insert rule inet lab forward iifname "{ $(tunnel_devices custgw) }" jump from_alerting comment '"open"'
}
off_customer_allowlist_open() {
  local handle
  handle=$(in_ns custgw nft -a list chain inet lab forward | sed -n 's/.*comment "open" # handle //p')
  in_ns custgw nft delete rule inet lab forward handle "$handle"
}

# public_allows add|delete
public_allows() { in_ns internet nft "$1" element inet lab public_allowed "{ $alerting_ip }"; }
on_public_allowlist_missing() { public_allows delete; }
off_public_allowlist_missing() { public_allows add; }

on_wrong_source_ip() { fault_rules cloudgw wrong-source-ip "
  chain f { type nat hook postrouting priority srcnat; ip saddr $alerting_ip oifname != lan0 counter snat ip to $other_ip; }"; }
off_wrong_source_ip() { no_fault_rules cloudgw wrong-source-ip; }

on_port_closed() { stop smtp-customer; }
off_port_closed() { start_smtp customer customer $smtp_ip; }

# Towards the customer the router would say "fragmentation needed", which is dropped; from the customer's side the
# narrowed link itself loses what is too big.
on_mtu_blackhole() {
  fault_rules internet mtu-blackhole "
  chain f { type filter hook output priority -10; icmp type destination-unreachable icmp code frag-needed counter drop; }"
  ip_in internet link set k0 mtu 1000
}
off_mtu_blackhole() { ip_in internet link set k0 mtu 1500; no_fault_rules internet mtu-blackhole; }

on_loss() { fault_rules internet loss "
  chain f { type filter hook forward priority -10; iifname { c0, k0 } numgen random mod 100 < $loss_percent counter drop; }"; }
off_loss() { no_fault_rules internet loss; tunnel_is_stale=1; }

# Latency without netem: the router sends what it forwards into a TUN device, and a small program writes each packet
# back half of the further round trip later.
on_latency() {
  local device
  spawn delay internet "$python" "$lab_dir/delay.py" lag0 "$(awk "BEGIN { print $latency_ms / 2000 }")"
  wait_for 5 lag0 ip_in internet link show lag0
  ip_in internet link set lag0 txqueuelen 5000 up
  ip_in internet route add default dev lag0 table 50
  for device in c0 k0; do ip_in internet rule add pref 50 iif $device lookup 50; done
}
off_latency() {
  local device
  for device in c0 k0; do ip_in internet rule del pref 50 iif $device lookup 50 || true; done
  stop delay
  tunnel_is_stale=1
}

# These are up to the mail server, which looks for the files.
smtp_fault_on() { touch "$state/flag/customer/$1"; }
smtp_fault_off() { rm -f "$state/flag/customer/$1"; }
on_banner_delay() { smtp_fault_on banner-delay; }
off_banner_delay() { smtp_fault_off banner-delay; }
# Nobody is known yet.
on_smtp_greylist() { rm -f "$state"/smtp/customer/spool/db/seen*; smtp_fault_on smtp-greylist; }
off_smtp_greylist() { smtp_fault_off smtp-greylist; }
on_starttls_stripped() { smtp_fault_on starttls-stripped; }
off_starttls_stripped() { smtp_fault_off starttls-stripped; }
on_dns_changed() { echo 10.20.0.200 >"$state/dns/answer"; }
off_dns_changed() { echo $smtp_ip >"$state/dns/answer"; }
on_cert_expired() { smtp_fault_on cert-expired; }
off_cert_expired() { smtp_fault_off cert-expired; }
on_cert_name_mismatch() { smtp_fault_on cert-name-mismatch; }
off_cert_name_mismatch() { smtp_fault_off cert-name-mismatch; }
on_cert_untrusted() { smtp_fault_on cert-untrusted; }
off_cert_untrusted() { smtp_fault_off cert-untrusted; }
on_auth_wrong() { smtp_fault_on auth-wrong; }
off_auth_wrong() { smtp_fault_off auth-wrong; }

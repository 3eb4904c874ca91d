# shellcheck shell=bash
# WireGuard in user space (wireguard-go), since a kernel may have none. Sourced by lab.

# Each gateway's device has a name of its own: the daemons' sockets lie in one folder for all namespaces, and
# "wg show DEVICE dump" finds them from any.
wireguard_device() { echo "$lab-${1/gw/}"; }

wireguard_socket() { echo "/var/run/wireguard/$(wireguard_device "$1").sock"; }

wireguard_listens() { in_ns "$1" ss -Hlx state listening | grep -qF "$(wireguard_socket "$1")"; }

remove_wireguard_sockets() {
  local gateway
  for gateway in "${gateways[@]}"; do rm -f "$(wireguard_socket "$gateway")"; done
  rmdir /var/run/wireguard 2>/dev/null || true
}

# The daemons run as nobody, with the rights that they need. A probe asks for the state of its tunnel as nobody too, and
# the socket is for its owner only; wireguard-go ends when somebody changes that. The dump holds the private key, which
# only a lab can afford to show.
wireguard_prepare() {
  local gateway device network source keys=$state/wireguard
  mkdir -p "$keys" /var/run/wireguard
  chmod 700 "$keys"
  for gateway in "${gateways[@]}"; do
    (umask 077; wg genkey >"$keys/$gateway.key")
    wg pubkey <"$keys/$gateway.key" >"$keys/$gateway.pub"
    spawn "wireguard-$gateway" "$gateway" setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups \
      --inh-caps +net_admin,+dac_override --ambient-caps +net_admin,+dac_override \
      env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$(wireguard_device "$gateway")"
  done
  for gateway in "${gateways[@]}"; do
    device=$(wireguard_device "$gateway")
    # wg itself must not ask before the daemon listens: it would remove the socket as a dead one's.
    wait_for 10 "wireguard-$gateway" wireguard_listens "$gateway"
    wg set "$device" listen-port 51820 private-key "$keys/$gateway.key"
    ip_in "$gateway" link set "$device" mtu 1420 up
    # Without a source the gateways' ICMP errors would bear an address outside of the peer's allowed IPs.
    for network in ${inside[${peer_of[$gateway]}]}; do
      source=$(inside_address "$gateway" "$network")
      [ -z "$source" ] || ip_in "$gateway" route add "$network" dev "$device" src "$source"
    done
  done
}

# inside_address GATEWAY NETWORK: the gateway's own address of the network's family.
inside_address() {
  local family=-4
  [[ $2 != *:* ]] || family=-6
  ip_in "$1" $family -o addr show dev lan0 scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}

# wireguard_peers CLOUD-GATEWAY CLOUD-NETWORKS CUSTOMER-NETWORKS
wireguard_peers() {
  local cloud=$1 customer=${peer_of[$1]} keys=$state/wireguard
  wg set "$(wireguard_device "$cloud")" peer "$(<"$keys/$customer.pub")" allowed-ips "${3// /,}" \
    endpoint "${outside[$customer]}:51820" persistent-keepalive 25
  wg set "$(wireguard_device "$customer")" peer "$(<"$keys/$cloud.pub")" allowed-ips "${2// /,}" \
    endpoint "${outside[$cloud]}:51820" persistent-keepalive 25
}

# wireguard_join CLOUD-GATEWAY: both ends know each other, and have shaken hands.
wireguard_join() {
  wireguard_peers "$1" "${inside[$1]}" "${inside[${peer_of[$1]}]}"
  wait_for 30 "the WireGuard handshake of $1" wireguard_is_up "$1"
}

wireguard_connect() {
  wireguard_join cloudgw
  wireguard_join cloudgw2
}

# Ends the first tunnel, on both ends.
wireguard_disconnect() {
  local gateway
  for gateway in cloudgw custgw; do
    wg set "$(wireguard_device $gateway)" peer "$(<"$state/wireguard/${peer_of[$gateway]}.pub")" remove
  done
}

# wireguard_selectors LOCAL REMOTE: what each end accepts from the other.
wireguard_selectors() { wireguard_peers cloudgw "$1" "$2"; }

wireguard_reset() {
  wireguard_disconnect
  wireguard_join cloudgw
}

# wireguard_show [--raw]
wireguard_show() {
  local gateway device
  for gateway in "${gateways[@]}"; do
    device=$(wireguard_device "$gateway")
    if [ "${1:-}" = --raw ]; then
      echo "# $gateway: wg show $device dump"
      wg show "$device" dump | sed -E '1s/^[^\t]+/(private key)/'
    else
      echo "# $gateway: wg show $device"
      wg show "$device"
    fi
  done
}

# wireguard_is_up GATEWAY: a living peer shakes hands anew every 2 minutes; after 3 the keys are void.
wireguard_is_up() {
  wg show "$(wireguard_device "$1")" latest-handshakes | awk -v now="$EPOCHSECONDS" 'now - $2 < 180 { ok = 1 } END { exit !ok }'
}

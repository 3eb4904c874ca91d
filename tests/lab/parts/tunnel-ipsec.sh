# shellcheck shell=bash
# IPsec: strongSwan with IKEv2, and ESP in user space (kernel-libipsec), since a kernel may have no ESP. Sourced by lab.

# comma_list WORDS…
comma_list() { (IFS=,; echo "$*"); }

# ipsec_conf GATEWAY LOCAL-NETWORKS REMOTE-NETWORKS KEY: networks as words parted by spaces.
ipsec_conf() {
  local gateway=$1 peer=${peer_of[$1]} folder=$state/ipsec/$1 local_ts remote_ts
  read -ra local_ts <<<"$2"
  read -ra remote_ts <<<"$3"
  mkdir -p "$folder"
  # libipsec takes policies only if it is loaded before the kernel's interface.
  cat >"$folder/strongswan.conf" <<END
charon-systemd {
  load = random nonce openssl pem x509 pubkey pkcs1 kdf hmac sha1 sha2 aes gcm kernel-libipsec kernel-netlink socket-default vici
  retransmit_timeout = 1.0
  retransmit_base = 1.4
  retransmit_tries = 5
  plugins { vici { socket = unix://$folder/vici } }
  journal { default = -1 }
  filelog { lab { path = $state/log/charon-$gateway.log
                  default = 1
                  flush_line = yes
                  time_format = %Y-%m-%dT%H:%M:%S } }
}
swanctl { load = random nonce openssl pem pkcs1 x509 pubkey }
END
  cat >"$folder/swanctl.conf" <<END
connections {
  s2s {
    version = 2
    local_addrs = ${outside[$gateway]}
    remote_addrs = ${outside[$peer]}
    encap = yes
    proposals = aes256-sha256-ecp256
    dpd_delay = 10s
    local  { auth = psk
             id = ${identity[$gateway]} }
    remote { auth = psk
             id = ${identity[$peer]} }
    children {
      alerts {
        local_ts = $(comma_list "${local_ts[@]}")
        remote_ts = $(comma_list "${remote_ts[@]}")
        esp_proposals = aes256gcm16-ecp256
        start_action = none
        dpd_action = clear
      }
    }
  }
}
secrets {
  ike-s2s { id-1 = ${identity[$gateway]}
            id-2 = ${identity[$peer]}
            secret = "$4" }
}
END
}

# Both ends agree about what is behind them.
ipsec_right_conf() {
  local gateway
  for gateway in "$@"; do
    ipsec_conf "$gateway" "${inside[$gateway]}" "${inside[${peer_of[$gateway]}]}" lab-psk
  done
}

# ipsec_swanctl GATEWAY …
ipsec_swanctl() {
  local folder=$state/ipsec/$1
  shift
  STRONGSWAN_CONF=$folder/strongswan.conf timeout 60 swanctl "$@" --uri "unix://$folder/vici"
}

ipsec_load() {
  ipsec_swanctl "$1" --load-all --clear --noprompt --file "$state/ipsec/$1/swanctl.conf" >>"$state/log/swanctl.out" 2>&1
}

ipsec_prepare() {
  local gateway
  ipsec_right_conf "${gateways[@]}"
  for gateway in "${gateways[@]}"; do
    spawn "charon-$gateway" "$gateway" env STRONGSWAN_CONF="$state/ipsec/$gateway/strongswan.conf" charon-systemd
  done
  for gateway in "${gateways[@]}"; do
    wait_for 10 "charon-$gateway" ipsec_swanctl "$gateway" --stats
    ipsec_load "$gateway"
  done
  # A probe asks for the state of its tunnel without any privilege.
  for gateway in cloudgw cloudgw2; do
    chgrp "$(id -g nobody)" "$state/ipsec/$gateway/vici"
    chmod 660 "$state/ipsec/$gateway/vici"
  done
}

# ipsec_initiate GATEWAY SECONDS: tries so long, for the path may be lossy; a wrong key or selector ends it at once.
ipsec_initiate() {
  ipsec_swanctl "$1" --initiate --child alerts --timeout "$2" >>"$state/log/swanctl.out" 2>&1
}

ipsec_connect() {
  ipsec_initiate cloudgw 30
  ipsec_initiate cloudgw2 30
}

# Ends the first tunnel, on both ends.
ipsec_disconnect() {
  local gateway
  for gateway in cloudgw custgw; do
    ipsec_swanctl $gateway --terminate --ike s2s --force --timeout 2 >>"$state/log/swanctl.out" 2>&1 || true
  done
}

# ipsec_selectors LOCAL REMOTE: what the cloud's side proposes; the customer's gateway narrows to it. Beside another fault
# there may be no tunnel at all.
ipsec_selectors() {
  ipsec_conf cloudgw "$1" "$2" lab-psk
  ipsec_load cloudgw
  ipsec_disconnect
  ipsec_initiate cloudgw 30 || [ "$(faults_on | wc -l)" -gt 1 ]
}

# ipsec_wrong_peer NETWORKS KEY: the customer's gateway is set up so; the tunnel is tried once more.
ipsec_wrong_peer() {
  ipsec_conf custgw "$1" "${inside[cloudgw]}" "$2"
  ipsec_load custgw
  ipsec_disconnect
  ipsec_initiate cloudgw 5 || true
}

ipsec_reset() {
  ipsec_right_conf cloudgw custgw
  ipsec_load cloudgw
  ipsec_load custgw
  ipsec_disconnect
  ipsec_initiate cloudgw 30
}

# ipsec_show [--raw]
ipsec_show() {
  local gateway
  for gateway in "${gateways[@]}"; do
    echo "# $gateway: swanctl --list-sas${1:+ $1}"
    ipsec_swanctl "$gateway" --list-sas ${1:+"$1"}
  done
}

# ipsec_is_up GATEWAY
ipsec_is_up() { ipsec_swanctl "$1" --list-sas | grep -q INSTALLED; }

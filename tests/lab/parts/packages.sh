# shellcheck shell=bash
# What the lab needs from the distribution (names of Debian). Sourced by lab.

# missing_lab_packages ipsec|wireguard|all: one name a line.
missing_lab_packages() {
  local plugins=/usr/lib/ipsec/plugins
  lacks ip && echo iproute2
  lacks nft && echo nftables
  lacks openssl && echo openssl
  lacks "$python" && echo python3
  lacks exim4 && echo exim4-daemon-light
  lacks rsyslogd && echo rsyslog
  compgen -G "/usr/lib/*/rsyslog/lmnsd_ossl.so" >/dev/null || echo rsyslog-openssl
  if [ "$1" != wireguard ]; then
    lacks charon-systemd && echo charon-systemd
    lacks swanctl && echo strongswan-swanctl
    lacks $plugins/libstrongswan-kernel-libipsec.so && echo libcharon-extra-plugins
    lacks $plugins/libstrongswan-openssl.so && echo libstrongswan-standard-plugins
  fi
  if [ "$1" != ipsec ]; then
    lacks wireguard-go && echo wireguard-go
    lacks wg && echo wireguard-tools
  fi
  return 0
}

# lacks PROGRAM-OR-FILE
lacks() {
  ! command -v "$1" >/dev/null && [ ! -e "$1" ]
}

# Tests through real VPN tunnels with switchable faults. Sourced by tests/run.

# through_the_lab ipsec|wireguard: what differs from tests/lab/expected.tsv is kept in target/lab.
through_the_lab() {
  [ "$(id -u)" = 0 ] || { echo "the lab needs root, for network namespaces and TUN devices"; return 1; }
  [ -c /dev/net/tun ] || { echo "the lab needs /dev/net/tun; the kernel must have TUN (modprobe tun)"; return 1; }
  timeout 420 tests/lab/run "$postern" "$1" --keep "$target/lab"
}

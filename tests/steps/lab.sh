# Tests through real VPN tunnels with switchable faults. Sourced by tests/run. `timeout` stays in the process group, so that
# whoever ends the group ends what it waits for.

# through_the_lab ipsec|wireguard: what differs from tests/lab/expected.tsv is kept in target/lab.
through_the_lab() {
  [ "$(id -u)" = 0 ] || { echo "the lab needs root, for network namespaces and TUN devices"; return 1; }
  [ -c /dev/net/tun ] || { echo "the lab needs /dev/net/tun; the kernel must have TUN (modprobe tun)"; return 1; }
  timeout --foreground 420 tests/lab/run "$postern" "$1" --keep "$target/lab"
}

# Every branch that has a tunnel, from the request to the confirmed test alert, by an agent beside a real one; the public
# server sees the alerting IP over the internet. A server that is switched off behind the tunnel must end the walk.
walk_through_the_lab() (
  [ "$(id -u)" = 0 ] || { echo "the lab needs root, for network namespaces and TUN devices"; exit 1; }
  export POSTERN_LAB=plwalk
  trap 'tests/lab/lab down' EXIT
  trap 'exit 143' TERM
  tests/lab/lab up ipsec && timeout --foreground 480 "$postern" demo --walk all --lab || exit 1
  timeout --foreground 120 "$postern" demo --walk private --lab --break smtp-down
  [ $? = 1 ]
)

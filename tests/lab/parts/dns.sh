# shellcheck shell=bash
# The resolver of the first customer, at the address of its mail server. Sourced by lab.

make_resolver() {
  mkdir -p "$state/dns"
  echo $smtp_ip >"$state/dns/answer"
  spawn dns customer "$python" "$lab_dir/dns.py" $smtp_ip "$state/dns/answer"
  wait_for 10 "the resolver on 53" answering customer $smtp_ip 53
}

# answering NS ADDRESS PORT: somebody takes datagrams there.
answering() {
  in_ns "$1" ss -Hlun "src $2:$3" | grep -q .
}

# The published lists of alerting IPs, read with parsers of another ecosystem. Sourced by tests/run.

# Makes a register with an address of every state, prints the lists with the built program and has them read.
read_feeds() {
  local folder=$target/feeds format data
  mkdir -p "$folder"
  data=$(mktemp -d -p "$folder") || return 1
  ips() { "$postern" alerting-ip "$@" --data "$data"; }
  {
    ips add 192.88.100.24 --published --region "Frankfurt <1> & \"2\"" --until 2033-01-15 &&
      ips add 192.88.100.99 --published --from 2032-12-01T08:00:00Z --purpose smtp &&
      ips add 2a00:1450:4001::/64 --published --purpose syslog &&
      ips add 192.88.100.77 --published --from 2032-12-01 &&
      ips retire 4
  } || { rm -rf "$data"; return 1; }
  for format in json txt atom ics; do
    ips published --format "$format" >"$folder/list.$format" || { rm -rf "$data"; return 1; }
  done
  rm -rf "$data"
  "$target/feeds/venv/bin/python" tests/feeds/check.py docs/alerting-ips.schema.json \
    "$folder/list.json" "$folder/list.txt" "$folder/list.atom" "$folder/list.ics"
}

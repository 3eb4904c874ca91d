# shellcheck shell=bash
# The SYSLOG receiver of the first customer: rsyslog on UDP and TCP 514 and, with TLS, on 6514 (RFC 5425). Each line of
# received.log begins with the way it came in and the sender's address. Sourced by lab.

make_syslog_server() {
  local folder=$state/syslog
  mkdir -p "$folder/work"
  cat >"$folder/rsyslog.conf" <<END
global(workDirectory="$folder/work" net.enableDNS="off"
  defaultNetstreamDriverCAFile="$pki/ca.pem"
  defaultNetstreamDriverCertFile="$pki/syslog.pem"
  defaultNetstreamDriverKeyFile="$pki/server.key")
module(load="imudp")
module(load="imtcp")
template(name="seen" type="string" string="%inputname% from=%fromhost-ip% %timegenerated:::date-rfc3339% %rawmsg%\n")
input(type="imudp" address="$smtp_ip" port="514" name="udp")
input(type="imtcp" address="$smtp_ip" port="514" name="tcp")
input(type="imtcp" address="$smtp_ip" port="6514" name="tls"
  streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
*.* action(type="omfile" file="$folder/received.log" template="seen")
END
  spawn syslog customer rsyslogd -n -f "$folder/rsyslog.conf" -i "$folder/rsyslogd.pid"
  wait_for 10 "syslog on 514" listening customer $smtp_ip 514
  wait_for 10 "syslog on 6514" listening customer $smtp_ip 6514
}

# shellcheck shell=bash
# What the lab tells about itself. Sourced by lab.

command_status() {
  local file name gateway pid
  echo "lab $lab with $tunnel_kind"
  for gateway in cloudgw cloudgw2; do
    printf '  tunnel of %-10s %s\n' "$gateway" "$(vpn is_up $gateway && echo established || echo NOT established)"
  done
  for file in "$state"/pid/*; do
    name=${file##*/}
    printf '  %-20s %s\n' "$name" "$(pid=$(pid_of "$name") && echo "runs, process $pid" || echo DEAD)"
  done
  echo "faults on: $(faults_on | tr '\n' ' ')"
  for name in cloudgw cloudgw2; do
    echo "$name: allowed $(command_counter $name allowed), on the default route $(command_counter $name no_tunnel)," \
      "denied $(denied $name)"
  done
  for name in custgw custgw2; do
    echo "$name: allowed $(command_counter $name allowed), denied $(denied $name)"
  done
  echo "public server: denied $(command_counter internet public_denied)"
  command_env
}

command_sas() { vpn show "$@"; }

# The state of a tunnel is asked for at VICI (ipsec) or WG_DEVICE (wireguard); the second customer's have a 2.
command_env() {
  local number suffix
  for number in 1 2; do
    suffix=${number#1}
    echo "NETNS$suffix=$(ns "cloud$suffix")"
    case $tunnel_kind in
      ipsec) echo "VICI$suffix=$state/ipsec/cloudgw$suffix/vici" ;;
      wireguard) echo "WG_DEVICE$suffix=$(wireguard_device "cloudgw$suffix")" ;;
    esac
    echo "OUR_GATEWAY$suffix=${outside[cloudgw$suffix]}"
    echo "PEER_GATEWAY$suffix=${outside[custgw$suffix]}"
  done
  cat <<END
SOURCE=$alerting_ip
SOURCE2=$alerting_ip_2
SOURCE_IPV6=$alerting_ip6
OUR_NETWORK=$cloud_net
OUR_NETWORK2=$cloud_net_2
PEER_NETWORK=$customer_net
PEER_NETWORK2=$same_net
ECHO=10.20.0.1
ECHO2=10.1.2.1
SMTP=$smtp_ip
SMTP_IPV6=$smtp_ip6
SMTP_SAME=$same_ip
SMTP_PUBLIC=$public_ip
SMTP_NAME=mail.customer.example
RESOLVER=$smtp_ip
SMTP_NAME2=mail.second.example
SMTP_PUBLIC_NAME=mail.public.example
SMTP_ACCOUNT=$smtp_account
SMTP_PASSWORD_FILE=$state/smtp/customer/password
SYSLOG_NAME=syslog.customer.example
SYSLOG_LOG=$state/syslog/received.log
MAILBOX=$state/smtp/customer/mail/new
MAILBOX_PUBLIC=$state/smtp/public/mail/new
CA=$pki/ca.pem
END
}

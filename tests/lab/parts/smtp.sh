# shellcheck shell=bash
# Mail servers: Exim on 25 and 587 with STARTTLS, on 465 with implicit TLS. Sourced by lab.

smtp_account=alerts
smtp_password=lab-secret-1
greylist_s=${LAB_GREYLIST_S:-30}

make_smtp_servers() {
  write_exim customer  mail.customer.example customer.example "$smtp_ip ; $smtp_ip_2 ; $same_ip ; $smtp_ip6" good
  write_exim customer2 mail.second.example   second.example   "$same_ip" second
  write_exim public    mail.public.example   public.example   "$public_ip" public
  start_smtp customer  customer  $smtp_ip
  start_smtp customer2 customer2 $same_ip
  start_smtp public    internet  $public_ip
}

# write_exim NAME HOST-NAME DOMAIN ADDRESSES CERTIFICATE
write_exim() {
  local folder=$state/smtp/$1
  mkdir -p "$folder"/{spool,log,mail} "$state/flag/$1"
  chown Debian-exim: "$folder"/{spool,log,mail}
  printf '%s' "$smtp_password" >"$folder/password"
  chgrp Debian-exim "$folder/password"
  chmod 640 "$folder/password"
  cat >"$folder/exim.conf" <<END
LAB_HOST = $2
LAB_DOMAIN = $3
LAB_ADDRESSES = $4
LAB_CERTIFICATE = $5
LAB_ACCOUNT = $smtp_account
LAB_GREYLIST_S = $greylist_s
LAB_FOLDER = $folder
LAB_FLAG = $state/flag/$1
LAB_PKI = $pki
$(<"$lab_dir/exim.conf")
END
}

# start_smtp NAME NS ADDRESS
start_smtp() {
  spawn "smtp-$1" "$2" exim4 -C "$state/smtp/$1/exim.conf" -bdf -q1m -oP "$state/smtp/$1/exim.pid"
  wait_for 10 "smtp-$1" listening "$2" "$3" 465
}

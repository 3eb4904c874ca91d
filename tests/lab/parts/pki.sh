# shellcheck shell=bash
# A certification authority for one life of the lab, and the certificates of its servers, good and bad. Sourced by lab.

pki=$state/pki

make_certificates() {
  mkdir -p "$pki/db"
  : >"$pki/db/index"
  echo 1000 >"$pki/db/serial"
  cat >"$pki/ca.cnf" <<END
[ca]
default_ca = lab
[lab]
database = $pki/db/index
serial = $pki/db/serial
new_certs_dir = $pki/db
certificate = $pki/ca.pem
private_key = $pki/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
  local past then now soon
  past=$(date -u -d "-40 days" +%y%m%d%H%M%SZ)
  then=$(date -u -d "-10 days" +%y%m%d%H%M%SZ)
  now=$(date -u -d "-1 day" +%y%m%d%H%M%SZ)
  # Longer than a certificate is called one that ends soon.
  soon=$(date -u -d "+28 days" +%y%m%d%H%M%SZ)
  # RSA keys, so that the server's flight is larger than the path of the fault mtu-blackhole takes.
  request -x509 -newkey rsa:2048 -nodes -keyout "$pki/ca.key" -out "$pki/ca.pem" -days 30 -subj "/CN=Lab CA" -extensions v3_ca
  request -x509 -newkey rsa:2048 -nodes -keyout "$pki/self-signed.key" -out "$pki/self-signed.pem" -days 30 \
    -subj "/CN=mail.customer.example" -addext "subjectAltName=DNS:mail.customer.example"
  openssl genrsa -out "$pki/server.key" 2048
  certificate good    mail.customer.example     "$now"  "$soon"
  certificate expired mail.customer.example     "$past" "$then"
  certificate other   old-name.customer.example "$now"  "$soon"
  certificate second  mail.second.example       "$now"  "$soon"
  certificate public  mail.public.example       "$now"  "$soon"
  certificate syslog  syslog.customer.example   "$now"  "$soon"
  chgrp Debian-exim "$pki/server.key" "$pki/self-signed.key"
  chmod 640 "$pki/server.key" "$pki/self-signed.key"
  chmod 600 "$pki/ca.key"
}

request() { openssl req -config "$pki/ca.cnf" "$@"; }

# certificate FILE NAME START END: with its authority behind it, as servers send it.
certificate() {
  request -new -key "$pki/server.key" -subj "/CN=$2" -addext "subjectAltName=DNS:$2" \
    -addext "extendedKeyUsage=serverAuth" -out "$pki/$1.csr"
  openssl ca -config "$pki/ca.cnf" -batch -notext -in "$pki/$1.csr" -out "$pki/$1.crt" -startdate "$3" -enddate "$4"
  cat "$pki/$1.crt" "$pki/ca.pem" >"$pki/$1.pem"
}

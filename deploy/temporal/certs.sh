#!/bin/sh
# Makes certificates for mTLS between Temporal and its clients, for development and tests: a CA, a server's and clients'. NAME=HOST makes
# one of the same CA for another server, such as tabi's gateway.
#   ./certs.sh FOLDER [CLIENT | NAME=HOST …]     default: the clients tabi and operator
# A second run renews all but the CA, which is valid for ten years; others for CERT_DAYS (90).
# In production, take them from your own CA (cert-manager, Vault), and keep the CA's key away from the servers.
set -eu

dir=$1
shift
[ $# -gt 0 ] || set -- tabi operator
mkdir -p "$dir"
cd "$dir"
umask 077
days=${CERT_DAYS:-90}

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

if [ ! -f ca.pem ]; then
  key ca
  openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=tabi development CA" -out ca.pem
fi

# sign NAME EXTENSIONS
sign() {
  key "$1"
  printf '%s\n' "$2" >"$1.ext"
  openssl req -new -key "$1.key" -subj "/CN=$1" |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days "$days" -extfile "$1.ext" -out "$1.pem" 2>/dev/null
  rm "$1.ext"
}

# The server's services call each other, and are clients too.
sign server "subjectAltName=DNS:temporal,DNS:temporal-frontend,DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth"
for one in "$@"; do
  case $one in
  *=*) sign "${one%%=*}" "subjectAltName=DNS:${one#*=}
extendedKeyUsage=serverAuth" ;;
  *) sign "$one" "extendedKeyUsage=clientAuth" ;;
  esac
done

#!/bin/sh
# Make a certificate authority of one Dask cluster, and certificates of its scheduler, workers and clients.
#
#   ./certificates.sh FOLDER
#
# Whoever has a certificate and its key may connect: they are the secret that the cluster shares. Keep ca.key offline.
set -eu
umask 077
mkdir -p "$1"
cd "$1"
test ! -e ca.key || { echo "$1/ca.key exists: remove the folder to make new certificates" >&2; exit 1; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=gfpipe cluster" -keyout ca.key -out ca.pem 2>/dev/null
for name in scheduler worker client; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out "$name.pem" 2>/dev/null
  rm "$name.csr"
done

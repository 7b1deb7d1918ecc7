#!/usr/bin/env bash
# Makes the certificates of the tests anew: an authority, a leaf for each file, and one
# that has expired. Needs OpenSSL.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
from=20200101000000Z to=21200101000000Z

key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
sign() {
    local name=$1 key=$2 from=$3 to=$4 extensions=$5; shift 5
    printf '%s\n' '[ca]' 'default_ca=it' '[it]' "database=$work/index" "new_certs_dir=$work" \
        'default_md=sha256' 'policy=any' 'rand_serial=yes' 'unique_subject=no' \
        '[any]' 'commonName=supplied' '[names]' "$extensions" >"$work/conf"
    : >"$work/index"
    openssl req -new -key "$key" -subj "/CN=$name" -out "$work/csr"
    openssl ca -batch -notext -config "$work/conf" -extensions names -in "$work/csr" \
        -startdate "$from" -enddate "$to" -out "$name.pem" "$@"
}
leaf() {
    key "$1.key"
    sign "$1" "$1.key" "$3" "$4" "subjectAltName=$2" -keyfile "$work/ca.key" -cert ca.pem
}

key "$work/ca.key"
sign ca "$work/ca.key" $from $to 'basicConstraints=critical,CA:TRUE' -selfsign -keyfile "$work/ca.key"
leaf one 'DNS:one.test,DNS:*.many.test' $from $to
leaf two 'DNS:two.test' $from $to
leaf again 'DNS:one.test' $from $to
leaf expired 'DNS:one.test' $from 20210101000000Z

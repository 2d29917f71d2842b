#!/bin/bash
# data_tls.sh - a hub behind TLS: whose certificate is believed, and what a token may not cross.
. tests/cli/lib.sh
. tests/cli/hub_lib.sh
command -v openssl > /dev/null || { echo "skipped: no openssl"; exit 77; }
python3 -c 'import ssl' 2> /dev/null || { echo "skipped: python3 has no ssl"; exit 77; }
unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=a hub' \
    -addext 'subjectAltName=IP:127.0.0.1' -keyout "$T/key.pem" -out "$T/cert.pem" 2> "$T/openssl" ||
    { cat "$T/openssl"; fail "no certificate could be made"; done_testing; }
hub_start "$T/cert.pem" "$T/key.pem"
secure=https://127.0.0.1:$P3
export HF_ENDPOINT=$secure ASSAY_ROWS_ENDPOINT=$secure HF_TOKEN=hf_secret
fresh() { rm -rf "$T/cache"; fault "$@"; log_clear; }
repo own/set $sha1
for i in 1 2 3; do echo "{\"a\": $i}" > "$(files own/set)/train-$i.jsonl"; done

# Nobody is asked twice, and nothing is sent, before the certificate is believed.
fresh
start=$(date +%s)
expect 1 "certificate is not trusted \(.*self.signed certificate.*\); who else may sign is said by CURL_CA_BUNDLE" get own/set
[ $(($(date +%s) - start)) -le 5 ] || fail "a certificate was asked for again and again"
log_has 0 .
[ -n "$(find "$T/cache" -name '*.json*')" ] && fail "something was kept of a server that is not trusted"
for name in CURL_CA_BUNDLE SSL_CERT_FILE; do
    fresh
    export $name=$T/cert.pem
    expect 0 "own/set train: 3 rows, fetched" get own/set
    log_has 0 "token=-"                   # all of them over TLS, by the hub's own port
    log_has 0 "^($P1|$P2) "
    unset $name
done
mkdir "$T/trusted"
cp "$T/cert.pem" "$T/trusted/$(openssl x509 -hash -noout -in "$T/cert.pem").0"
fresh
SSL_CERT_DIR=$T/trusted expect 0 "own/set train: 3 rows, fetched" get own/set
SSL_CERT_FILE=/dev/null CURL_CA_BUNDLE=$T/cert.pem expect 0 "already here" get own/set
CURL_CA_BUNDLE=$T/none.pem expect 1 "CURL_CA_BUNDLE or SSL_CERT_FILE name can't be read" get own/set --refresh
export CURL_CA_BUNDLE=$T/cert.pem

# A certificate of another name is none, and plain http is not TLS.
fresh
HF_ENDPOINT=https://localhost:$P3 expect 1 "certificate is not trusted \(.*localhost" get own/set
log_has 0 .
HF_ENDPOINT=https://127.0.0.1:$P1 expect 1 "given up after 1 tries: .*(wrong version number|SSL|TLS)" get own/set --retries 0

# From https to http nobody is followed, with or without a token, for files or for answers.
for where in /resolve/ /api/; do
    fresh "{\"$where\": {\"kind\": \"location\", \"to\": \"http://127.0.0.1:$P1/x\"}}"
    expect 1 "redirected from https to plain http: refused" get own/set
    log_has 0 "^$P1 "
done
# From http to https it goes on, but not with what was meant for http's host; back again it does not.
fresh "{\"/resolve/\": {\"kind\": \"location\", \"to\": \"$secure/plain/x.jsonl\"}}"
mkdir -p "$H/plain" && cp "$(files own/set)/train-1.jsonl" "$H/plain/x.jsonl"
rm "$(files own/set)"/train-[23].jsonl
HF_ENDPOINT=http://127.0.0.1:$P1 ASSAY_ROWS_ENDPOINT=http://127.0.0.1:$P1 expect 0 "own/set train: 1 rows, fetched" get own/set
log_has 1 "^$P3 /plain/x.jsonl .*token=-"
log_has 1 "^$P1 .*/resolve/.*Bearer hf_secret"
grep -rq hf_secret "$T/cache" "$T/.out" && fail "the token was written somewhere"
done_testing

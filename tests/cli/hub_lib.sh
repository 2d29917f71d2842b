# hub_lib.sh - a hub on loopback for the tests of `assay data`.  Sourced after lib.sh.
#
#   hub_start [CERT KEY]    serves $H; $P1 and $P2 are its ports, the environment points to it; $P3 speaks TLS
#   repo OWNER/NAME SHA     makes a repository; its files go to $(files OWNER/NAME)
#   fault JSON              what goes wrong from now on; without an argument: nothing
#   get ARGS...             assay data get, with short waits
#   log_has N PATTERN       so many requests matched since log_clear
# shellcheck shell=bash disable=SC2034
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
"$ASSAY" data path > /dev/null 2>&1
H=$T/hub
mkdir -p "$H"
unset HF_TOKEN HF_HOME HF_HUB_OFFLINE HF_DATASETS_OFFLINE http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export HOME=$T/home ASSAY_CACHE=$T/cache NO_PROXY='*' no_proxy='*'
mkdir -p "$HOME"
sha1=1111111111111111111111111111111111111111
sha2=2222222222222222222222222222222222222222

hub_start() {
    python3 tests/cli/hub_server.py "$H" "$T/ports" "$@" 2> "$T/hub.err" &
    hub_pid=$!
    trap 'kill $hub_pid 2> /dev/null; chmod -R u+w "$T" 2> /dev/null; rm -rf "$T"' EXIT
    for _ in $(seq 300); do
        [ -s "$T/ports" ] && break
        sleep 0.1
    done
    [ -s "$T/ports" ] || { cat "$T/hub.err"; fail "the hub does not start"; done_testing; }
    read -r P1 P2 P3 < "$T/ports"
    export HF_ENDPOINT=http://127.0.0.1:$P1/ ASSAY_ROWS_ENDPOINT=http://127.0.0.1:$P1
}
files() { echo "$H/${1/\//--}/files"; }
rows() { echo "$H/${1/\//--}/rows"; }
repo() {
    mkdir -p "$(files "$1")"
    echo "$2" > "$H/${1/\//--}/sha"
}
fault() {
    if [ $# = 0 ]; then rm -f "$H/faults.json"; else printf '%s' "$1" > "$H/faults.json"; fi
}
get() { "$ASSAY" data get --retries 2 "$@"; }
log_clear() { rm -f "$H/log"; }
log_has() {
    local n
    n=$(grep -cE -- "$2" "$H/log" 2> /dev/null)
    [ "${n:-0}" = "$1" ] || { fail "$n requests match /$2/, not $1"; sed 's/^/    /' "$H/log" >&2; }
}
path_of() { "$ASSAY" data path "$@"; }
rows_are() {                      # WANTED ARGS...: the rows of the only split that `data path` names
    local wanted=$1 got
    shift
    got=$(cat "$(path_of "$@")")
    equal "$got" "$wanted" "rows of $*"
}

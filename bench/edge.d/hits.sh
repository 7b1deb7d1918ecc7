# Hits, and what a connection and a request cost beside the bytes.

# Path, objects, connections: base is $base.
hits() {
    local path=$1
    start
    # Who has no key check serves anyone.
    [ -z "$viewers" ] || case $what in weir*) path=/k/$key$keyed_path$1 ;; esac
    curl -sk --no-progress-meter -o /dev/null --fail "$base${path/\%d/[1-$2]}" || { echo "$what does not answer $base$path" >&2; exit 1; }
    load -t 2 -c "$3" -d "${secs}s" "$base" -- "$path" "$2"
    keep per_sec="$(calc "$requests / $wall")" us_each="$(calc "$used * 1e6 / $requests")" \
        gb_per_sec="$(calc "$bytes / $wall / 1e9")" cpu_per_gb="$(calc "$used * 1e9 / $bytes")" \
        with_client_per_gb="$(calc "($used + $client_used) * 1e9 / $bytes")" p50_us="$p50" p99_us="$p99" errors="$errors" "$(client_share)"
}
row_small() { base=$url each hits /small/1 1 64; }
row_mib() { base=$url each hits /mib/%d 64 16; }
row_four() { base=$url each hits /four/%d 32 16; }
row_tls_small() { tls; base=$tls_url each hits /small/1 1 64; }
row_tls_mib() { tls; base=$tls_url each hits /mib/%d 64 16; }

tls() {
    # It speaks none.
    without varnish
    [ -f cert.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}

# The same as viewers get it: an asset's objects, by a key in the path that a real origin has
# made, judged at each request; access log; limits for each address. Others: their log.
viewers() {
    make_key
    viewers=yes
    "$@"
    viewers=
}
row_keyed_small() { viewers row_small; }
row_keyed_mib() { viewers row_mib; }
row_keyed_four() { viewers row_four; }
row_keyed_tls_small() { viewers row_tls_small; }
row_keyed_tls_mib() { viewers row_tls_mib; }
make_key() {
    [ -z "$weir_origin" ] || return 0
    "$weir" origin --listen "127.0.0.1:$weir_port" --data-dir data --open-uploads --admin off >weir-origin.log 2>&1 &
    weir_origin=$!
    until_up "http://127.0.0.1:$weir_port/readyz"
    # Noise: an asset that has a key and will have no streams.
    local asset
    asset=$("$weir" upload --origin "http://127.0.0.1:$weir_port" files/mib 2>/dev/null | awk '$1 == "asset" { print $2 }')
    key=$("$weir" key mint --asset "$asset" --ttl 10h --origin "http://127.0.0.1:$weir_port" --admin-file data/admin-token 2>/dev/null)
    keyed_path=/v/$asset/1
}

# What each of our own things costs a small hit, on top of a bare hyper server, one runtime a
# core, that knows one answer. Metrics are always on.
row_cost() {
    make_key
    kinds=(plain +limits +log +key all)
    [ ! -x "$bare" ] || kinds=(bare "${kinds[@]}")
    base=$url each cost
}
cost() {
    local path=/small/1
    start
    [[ "$what" != +key && "$what" != all ]] || path=/k/$key$keyed_path/small/1
    curl -s -o /dev/null --fail "$url$path" || { echo "$what does not answer $path" >&2; exit 1; }
    load -t 2 -c 64 -d "${secs}s" "$url" -- "$path" 1
    keep us_each="$(calc "$used * 1e6 / $requests")" per_sec="$(calc "$requests / $wall")" errors="$errors" "$(client_share)"
}

# 5,000 requests/s on 64 connections that began apart, whatever the answers' pace.
row_rate() { each rate_once; }
rate_once() {
    start
    curl -s -o /dev/null "$url/small/1"
    rm -f rate.log
    client="h2load --h1"
    beside h2load --h1 -c 64 -r 5 --rate-period=1ms --rps 78.125 -n "$((5000 * secs))" --log-file=rate.log "$url/small/1"
    sort -n -k 3 rate.log | awk '{ took[NR] = $3; errors += $2 != 200; if (NR == 1 || $1 < a) a = $1; if ($1 > b) b = $1 }
        END { printf "errors=%d per_sec=%.0f p50_us=%d p99_us=%d p999_us=%d", errors, NR / (b - a) * 1e6, took[int(NR * .5)], took[int(NR * .99)], took[int(NR * .999)] }' >rate.out
    keep $(cat rate.out) us_each="$(calc "$used * 1e6 / (5000 * $secs)")" "$(client_share)"
}

# Memory of connections that have asked once and wait, after load has made the rest of the
# process what it is.
IDLE=8000
row_idle() { each idle_once; }
idle_once() {
    start
    curl -s -o /dev/null "$url/small/1"
    load -t 2 -c 64 -d 1s "$url" -- /small/1 1
    sleep 1
    local before after
    before=$(memory_of VmRSS)
    client="sockets of python"
    coproc held { python3 "$parts/idle.py" "$edge_port" $IDLE; }
    local pid=$held_PID read=${held[0]} write=${held[1]}
    read -r _ <&"$read"
    sleep 4
    after=$(memory_of VmRSS)
    exec {write}>&-
    wait "$pid" || true
    keep bytes_each="$(calc "($after - $before) / $IDLE")" connections="$IDLE"
}

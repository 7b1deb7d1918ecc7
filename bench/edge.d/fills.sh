# Misses, and what a cache keeps.

# Each asked for once by clients that leave in the middle of their last; the first thousand
# then once more. The caches have room for all: 8 GiB.
row_misses() { each misses_once; }
misses_once() {
    ram=8GiB
    start
    load -t 2 -c 16 -d "${secs}s" "$url" -- /mib/%d 0
    local speed=("gb_per_sec=$(calc "$bytes / $wall / 1e9")" "cpu_per_gb=$(calc "$used * 1e9 / $bytes")" "errors=$errors")
    # What was left in the middle is still coming.
    sleep 0.5
    local most=$((asked < 1032 ? asked - 32 : 1000)) before
    before=$(fetches)
    # wrk makes the first request for itself and does not send it.
    curl -s -o /dev/null "$url/mib/[2-$most]"
    # One of them asks for the count itself.
    keep "${speed[@]}" kept="$(calc "1 - ($(fetches) - $before - 1) / ($most - 1)")" \
        origin_share="$(calc "$origin_used / ($client_used + $used + $origin_used + 1e-9)")" "$(client_share)"
}

# An object that begins after 100 ms and ends after 1.6 s, asked for by 200 at once. Of what
# the client sees late some is its own: it takes one event after the other.
row_cold() { by_slow_origin cold_once; }
by_slow_origin() {
    python3 "$parts/slow.py" "$slow_port" >slow.log 2>&1 &
    slow=$!
    until_up "http://127.0.0.1:$slow_port/up"
    each "$@"
    stop "$slow"
    slow=
}
cold_once() {
    local before seen
    from=$slow_port
    client="sockets of python"
    start
    before=$(curl -s "http://127.0.0.1:$slow_port/count")
    seen=$(python3 "$parts/cold.py" "$edge_port")
    keep $seen fetches="$(($(curl -s "http://127.0.0.1:$slow_port/count") - before))"
}

# The same object: how long after the first of those who wait the last has its first byte, of
# which a good part is the client's own.
row_waiters_100() { by_slow_origin waiters_once 100; }
row_waiters_1000() { by_slow_origin waiters_once 1000; }
waiters_once() {
    from=$slow_port client="sockets of python"
    start
    keep $(python3 "$parts/waiters.py" "$edge_port" /cold/1 "$1")
}

# A purge of all of a hundred thousand small objects, as who asks for it sees it, and a hit
# once it is answered. The others have none of their own.
row_purge() {
    kinds=(weir ${other:+weir-other})
    each purge_once
}
purge_once() {
    local token took
    purge_port=127.0.0.1:$slow_port
    start
    purge_port=
    load -t 2 -c 64 -d 6s "$url" -- /small/%d 0
    client=curl
    token=$(cat edge-admin-token)
    took=$(curl -s --fail -o purged -w '%{time_total}' -H "Authorization: Bearer $token" \
        --json '{"prefixes":["/small/"]}' "http://127.0.0.1:$slow_port/purge")
    keep objects="$asked" purge_ms="$(calc "$took * 1000")"
}

# Memory with 2,000 objects of 1 MiB through a budget of 1 GiB.
row_memory() { each memory_once; }
memory_once() {
    ram=1GiB client=curl
    start
    curl -s --no-progress-meter -o /dev/null --parallel --parallel-max 16 "$url/mib/[1-2000]"
    sleep 0.5
    keep mib_then="$(calc "$(memory_of VmRSS) / 1048576")" mib_most="$(calc "$(memory_of VmHWM) / 1048576")" \
        to_budget="$(calc "$(memory_of VmHWM) / 1073741824")"
}

# Zipf(0.9) over 4,000 objects of 1 MiB: what is not fetched of what is sent, after as many
# requests that warm; and the most memory and disk meanwhile.
WARM=12000 COUNTED=12000
row_zipf_ram() { without trafficserver; zipf_disk='' each zipf_once; }
row_zipf_disk() { without varnish; zipf_disk=2GiB each zipf_once; }
zipf_once() {
    ram=512MiB disk=$zipf_disk client="sockets of python, 16"
    # Without memory of its own its files are the cache.
    [ "$what" != nginx ] || disk=${disk:-512MiB}
    start
    : >fetched
    echo 0 >disk.most
    watch_disk &
    local watcher=$! before
    coproc asking { python3 "$parts/zipf.py" "$edge_port" 4000 0.9 $WARM $COUNTED; }
    local pid=$asking_PID read=${asking[0]} write=${asking[1]} line
    read -r _ <&"$read"
    sleep 0.3
    : >fetched
    before=$(cpu_of "$server")
    echo go >&"$write"
    read -r line <&"$read"
    wait "$pid" || { echo "the client failed" >&2; exit 1; }
    eval "$line"
    used=$(calc "$(cpu_of "$server") - $before")
    sleep 0.3
    stop "$watcher"
    keep byte_hit_ratio="$(awk -v bytes="$bytes" '{ sum += $1 } END { printf "%.4f", 1 - sum / bytes }' fetched)" \
        cpu_per_gb="$(calc "$used * 1e9 / $bytes")" gb_per_sec="$(calc "$bytes / $wall / 1e9")" \
        mib_most="$(calc "$(memory_of VmHWM) / 1048576")" disk_mib_most="$(cat disk.most)" errors="$errors" \
        client_used="$client_used"
}
# The most that the caches' folders take, MiB.
watch_disk() {
    local most=0 now
    while sleep 0.5; do
        now=$({ du -sm cache ats/cache 2>/dev/null || true; } | awk '{ sum += $1 } END { print sum + 0 }')
        most=$((now > most ? now : most))
        echo "$most" >disk.most
    done
}
# This row is not for that one.
without() {
    local kept=() kind
    for kind in "${kinds[@]}"; do [ "$kind" = "$1" ] || kept+=("$kind"); done
    kinds=("${kept[@]}")
}

# Measuring: runs are kept as lines of JSON; CPU and memory are read from /proc.

: >runs
# A run's numbers: name=value…
keep() {
    local pairs=()
    for pair in "$@"; do pairs+=(--argjson "${pair%%=*}" "${pair#*=}"); done
    jq -nc --arg row "$row" --arg what "$what" --argjson round "$round" --arg client "$client" "${pairs[@]}" \
        '$ARGS.named' >>runs
    echo "$row, round $round: $what: $*" >&2
}
calc() { awk -v OFMT=%.4f "BEGIN { print $* }"; }

# A process and all below it.
family() {
    local pid
    for pid in "$@"; do
        echo "$pid"
        family $(pgrep -P "$pid" || true)
    done
}
# CPU seconds so far of processes and all below them, ended threads included.
ticks=$(getconf CLK_TCK)
cpu_of() {
    local pid
    for pid in $(family "$@"); do
        sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null || true
    done | awk -v ticks="$ticks" '{ sum += $12 + $13 } END { printf "%.2f", sum / ticks }'
}
# Bytes of the server in memory: VmRSS now, VmHWM at most; RssAnon without mapped files.
memory_of() {
    local pid
    for pid in $(family "$server"); do
        grep "^$1:" "/proc/$pid/status" 2>/dev/null || true
    done | awk '{ sum += $2 } END { print sum * 1024 }'
}
# Requests that the origin answered; this one is the last of them.
fetches() { curl -s "http://127.0.0.1:$origin_port/status" | awk '/^server/ { getline; print $3 }'; }

# Runs a client; sets used, client_used and origin_used: CPU seconds of all three meanwhile.
TIMEFORMAT='%U %S'
beside() {
    local begun origin_begun
    begun=$(cpu_of "$server") origin_begun=$(cpu_of $origin)
    { time "$@" >out.log 2>err.log; } 2>time.log || { cat out.log err.log >&2; exit 1; }
    used=$(calc "$(cpu_of "$server") - $begun")
    origin_used=$(calc "$(cpu_of $origin) - $origin_begun")
    client_used=$(awk '{ print $1 + $2 }' time.log)
}
# Loads the server by wrk; sets what beside does and requests, bytes, wall, errors, p50, p99
# (µs) and asked.
load() {
    client="wrk, 2 threads"
    beside wrk --script "$parts/load.lua" "$@"
    eval "$(grep ^requests= out.log)"
    [ "$requests" -gt 0 ] || { cat out.log >&2; exit 1; }
}
# What the client took of the CPU time of all three: above a half its pace is measured too.
client_share() { echo "client_share=$(calc "$client_used / ($client_used + $used + $origin_used + 1e-9)")"; }

# The tables, and all runs where --json says.

conditions=(
    --arg weir "$("$weir" --version)" --arg nginx "$(nginx -v 2>&1 | cut -d / -f 2)" --arg flags "$edge_flags"
    --arg kernel "$(uname -r)" --argjson cores "$(nproc)" --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
    --arg date "$(date -u +%F)" --arg load "$(cut -d ' ' -f 1-3 /proc/loadavg)" --argjson rounds "$rounds" --argjson secs "$secs"
    --arg others "$(for kind in "${beside[@]}"; do
        case $kind in
            varnish) varnishd -V 2>&1 | sed -n 's/^varnishd (varnish-\([^ ]*\).*/, Varnish \1/p' ;;
            trafficserver) traffic_server -V 2>&1 | sed -n 's/.*Traffic Server \([0-9.]*\) .*/, Traffic Server \1/p;q' ;;
        esac
    done | tr -d '\n')"
)
jq -s "${conditions[@]}" '{ conditions: $ARGS.named, runs: . }' runs >report.json
[ -z "$json" ] || cp report.json "$json"
jq -r -f "$parts/report.jq" report.json

# What this needs, and where it comes from: Debian 12, Ubuntu 24.04 and later.

declare -A package=([nginx]=nginx-light [wrk]=wrk [h2load]=nghttp2-client [python3]=python3 [curl]=curl
    [jq]=jq [openssl]=openssl [pgrep]=procps [varnishd]=varnish [traffic_server]=trafficserver)
needed=(nginx wrk h2load python3 curl jq openssl pgrep)
for kind in "${beside[@]}"; do
    case $kind in
        varnish) needed+=(varnishd) ;;
        trafficserver) needed+=(traffic_server) ;;
        *) fail "no kind $kind; varnish and trafficserver are known" ;;
    esac
done
PATH=$PATH:/usr/sbin
missing=()
for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=$([ "$(id -u)" = 0 ] || echo sudo)
    [ -n "$install" ] || fail "missing: ${missing[*]}; run again with --install, or: apt-get install ${missing[*]}"
    $as_root apt-get update -q >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
fi

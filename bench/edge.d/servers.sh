# The servers, each alone and fresh: start_KIND sets server. Of the row: ram, disk (a size, or
# empty for none that is asked for), from (the origin's port), viewers (keys and logs as
# viewers get them, or empty).

free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])
PY
}
read -r origin_port slow_port edge_port tls_port weir_port <<<"$(free_ports 5)"
url=http://127.0.0.1:$edge_port
tls_url=https://127.0.0.1:$tls_port

until_up() {
    for _ in $(seq 400); do
        curl -s -o /dev/null --fail --max-time 1 "$1" && return
        sleep 0.05
    done
    echo "nothing answers at $1" >&2
    tail -n 20 ./*.log >&2
    exit 1
}

# --- origin ----------------------------------------------------------------------------

# What is in every nginx here.
nginx_conf() {
    [ "$(id -u)" != 0 ] || echo "user root;"
    cat <<CONF
daemon off; worker_processes $1; pid $2.pid; error_log $folder/$2.log error;
events { worker_connections 16384; }
http {
    default_type application/octet-stream;
    sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 75s; keepalive_requests 1000000000;
    open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s;
    client_body_temp_path $2-body; proxy_temp_path $2-proxy; fastcgi_temp_path $2-f; uwsgi_temp_path $2-u; scgi_temp_path $2-s;
CONF
}

start_origin() {
    mkdir -p files
    head -c 1200 /dev/urandom >files/small
    head -c 1048576 /dev/urandom >files/mib
    head -c 4194304 /dev/urandom >files/four
    {
        nginx_conf 1 origin
        cat <<CONF
    log_format bytes '\$body_bytes_sent'; access_log off;
    server {
        listen 127.0.0.1:$origin_port reuseport backlog=4096; root $folder/files;
        add_header Cache-Control max-age=3600; add_header Weir-Access keyed;
        location /small/ { try_files /small =404; }
        location /mib/ { try_files /mib =404; }
        location /four/ { try_files /four =404; }
        location ~ ^/v/.*/small/ { try_files /small =404; }
        location ~ ^/v/.*/mib/ { try_files /mib =404; }
        location ~ ^/v/.*/four/ { try_files /four =404; }
        # What caches fetched, for the byte hit ratio.
        location /zipf/ { access_log $folder/fetched bytes buffer=4k flush=50ms; try_files /mib =404; }
        # Keys are a Weir origin's own.
        location /api/ { proxy_pass http://127.0.0.1:$weir_port; proxy_http_version 1.1; proxy_read_timeout 75s; }
        location = /status { stub_status; }
    }
}
CONF
    } >origin.conf
    nginx -p "$folder" -c origin.conf 2>/dev/null &
    origin=$!
    until_up "http://127.0.0.1:$origin_port/small/1"
}

# --- nginx -----------------------------------------------------------------------------

start_nginx() {
    {
        nginx_conf auto nginx
        cat <<CONF
    access_log $([ -n "$viewers" ] && echo "$folder/nginx-access.log combined buffer=64k flush=1s" || echo off);
    proxy_cache_path $folder/cache levels=1:2 keys_zone=cache:64m max_size=$(mib_of "${disk:-8GiB}")m inactive=1h use_temp_path=off;
    proxy_buffers 16 64k; proxy_buffer_size 16k; proxy_busy_buffers_size 128k;
    upstream origin { server 127.0.0.1:$from; keepalive 64; }
    server {
        listen 127.0.0.1:$edge_port reuseport backlog=4096;
$([ ! -f cert.pem ] || echo "listen 127.0.0.1:$tls_port ssl reuseport backlog=4096; ssl_certificate $folder/cert.pem; ssl_certificate_key $folder/key.pem; ssl_protocols TLSv1.3;")
        location / {
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache cache; proxy_cache_lock on; proxy_cache_use_stale updating error timeout;
        }
    }
}
CONF
    } >nginx.conf
    nginx -p "$folder" -c nginx.conf 2>/dev/null &
    server=$!
    until_up "$url/small/1"
}

# --- weir ------------------------------------------------------------------------------

# Of a row `cost` what says which of our own things are on.
start_weir() {
    local program=$weir flags=() log="" limits=false
    [ "$what" != weir-other ] || program=$other
    [ ! -f cert.pem ] || flags+=(--tls-listen "127.0.0.1:$tls_port" --tls-cert cert.pem --tls-key key.pem)
    case ${viewers:-$what} in
        yes | all) log=access.log limits=true flags+=(--join-file data/join-token) ;;
        +key) flags+=(--join-file data/join-token) ;;
        +log) log=access.log ;;
        +limits) limits=true ;;
    esac
    [ -z "$disk" ] || flags+=(--cache-dir "$folder/cache" --disk "$disk")
    # Limits as viewers have them, but high enough for one address that is all viewers.
    cat >edge.toml <<CONF
[log]
filter = "warn"
[edge]
access_log = "$log"
client_limits_loopback = $limits
client_connections_max = 100000
client_connection_rate = 100000
client_request_rate = 10000000
admin_listen = "${purge_port:-off}"
admin_token_file = "edge-admin-token"
CONF
    "$program" edge --config edge.toml --listen "127.0.0.1:$edge_port" --admin off \
        --origin "http://127.0.0.1:$from" --ram "$ram" "${flags[@]}" $edge_flags >edge.log 2>&1 &
    server=$!
    until_up "$url/readyz"
    [ -z "$viewers" ] && [[ "$what" != all && "$what" != +key ]] || until_up "$url/k/$key$keyed_path/small/1"
}

# --- Varnish ---------------------------------------------------------------------------

start_varnish() {
    sed "s/@PORT@/$from/" "$parts/varnish.vcl" >varnish.vcl
    # Its own log is a piece of shared memory, always written.
    varnishd -F -j none -n "$folder/varnish" -f "$folder/varnish.vcl" -a "127.0.0.1:$edge_port" -T none \
        -s "malloc,$(mib_of "$ram")M" -s Transient=malloc,256M \
        -p thread_pools=2 -p thread_pool_min=200 -p thread_pool_max=5000 -p thread_pool_stack=64k \
        -p timeout_idle=75 -p nuke_limit=1000 -p workspace_client=64k >varnish.log 2>&1 &
    server=$!
    until_up "$url/small/1"
}

# --- Traffic Server --------------------------------------------------------------------

start_trafficserver() {
    local etc=$folder/ats/etc
    mkdir -p "$etc" ats/run ats/log ats/cache
    sed -e "s|@FOLDER@|$folder/ats|; s/@PORT@/$edge_port/; s/@TLS@/$tls_port/; s/@RAM@/$(mib_of "$ram")M/" \
        -e "s/@LOG@/$([ -n "$viewers" ] && echo 3 || echo 0)/; s/@CORES@/$(nproc)/" \
        "$parts/records.config" >"$etc/records.config"
    [ -f cert.pem ] || sed -i "s/ $tls_port:ssl//" "$etc/records.config"
    echo "map / http://127.0.0.1:$from/" >"$etc/remap.config"
    echo "$folder/ats/cache $(mib_of "${disk:-8GiB}")M" >"$etc/storage.config"
    printf 'ip_allow:\n- apply: in\n  ip_addrs: 127.0.0.1\n  action: allow\n  methods: ALL\n' >"$etc/ip_allow.yaml"
    [ ! -f cert.pem ] || echo "dest_ip=* ssl_cert_name=$folder/cert.pem ssl_key_name=$folder/key.pem" >"$etc/ssl_multicert.config"
    for file in logging.yaml parent.config plugin.config hosting.config cache.config sni.yaml splitdns.config \
        ssl_multicert.config volume.config strategies.yaml socks.config; do
        [ -f "$etc/$file" ] || : >"$etc/$file"
    done
    # Its key has no query here; the log, where there is one, is its own binary one.
    PROXY_CONFIG_CONFIG_DIR=$etc traffic_server >ats.log 2>&1 &
    server=$!
    until_up "$url/small/1"
}

# --- all -------------------------------------------------------------------------------

mib_of() { numfmt --from=iec-i --suffix=B --to-unit=Mi "$1" | tr -d B; }
start() {
    rm -rf cache ats varnish access.log
    case $what in
        nginx | varnish | trafficserver) "start_$what" ;;
        bare) start_bare ;;
        *) start_weir ;;
    esac
}
start_bare() {
    "$bare" "127.0.0.1:$edge_port" 1200 >bare.log 2>&1 &
    server=$!
    until_up "$url/small/1"
}
stop() {
    for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
    for pid in "$@"; do wait "$pid" 2>/dev/null || true; done
}

# Runs a function for each of the kinds, alone and fresh, by turns that change their order.
each() {
    local order
    for round in $(seq "$rounds"); do
        mapfile -t order < <(printf '%s\n' "${kinds[@]}" | { [ $((round % 2)) = 1 ] && cat || tac; })
        for what in "${order[@]}"; do
            ram=4GiB disk='' from=$origin_port
            "$@"
            stop "$server"
            server=
        done
    done
}

vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "@PORT@"; .max_connections = 256; }
# Streaming and waiting for one fetch are its defaults.
sub vcl_recv { return (hash); }
sub vcl_backend_response { set beresp.grace = 10s; }

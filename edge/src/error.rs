/// Why an edge does not start. Once it serves, faults are answers, not errors.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// `origin` is not a URL that an edge can fetch from.
    #[error("origin {url:?} can't be used: {why}")]
    Origin {
        /// As configured.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `origin_ca` can't be read, or has no certificate of an authority.
    #[error("origin_ca {file:?} can't be used: {why}")]
    OriginCa {
        /// As configured.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Redirects can't lead to one of `redirect_hosts`.
    #[error("redirect_hosts: {host:?} can't be used: {why}")]
    RedirectHost {
        /// As configured.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `pop` is not a name.
    #[error("pop {0:?} is not a name: 1 to 40 of a-z, 0-9 and '-', not starting with '-'")]
    Pop(String),
    /// A limit has a value that can't work.
    #[error("{key} can't be used: {why}")]
    Limit {
        /// The config key.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing can be stored in `cache_dir`.
    #[error(
        "cache_dir {dir:?} can't be used: {source}; {}",
        cache_dir_advice(source)
    )]
    CacheDir {
        /// As configured.
        dir: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Two edges in one folder would write over each other.
    #[error("cache_dir {0:?} is in use by another edge: stop that one, or give each its own")]
    CacheInUse(std::path::PathBuf),
    /// What is there can't be read, and is not ours to delete.
    #[error(
        "cache_dir {0:?} was written by a later version of weir: start that one, name another folder, or delete this one, of which nothing is lost that can't be fetched again"
    )]
    CacheLater(std::path::PathBuf),
    /// A site can't be served.
    #[error("site {host:?} can't be used: {why}")]
    Site {
        /// As configured.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A thread that serves connections can't be made.
    #[error("can't start the edge's threads")]
    Threads(#[source] std::io::Error),
    /// Two sites have one host.
    #[error("site {0:?} stands twice")]
    SiteTwice(String),
    /// A rule can't be kept.
    #[error("the rule for {path:?} of site {host:?} can't be used: {why}")]
    Rule {
        /// Of the site.
        host: String,
        /// As configured.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A site passes a field that no proxy may pass, or that is no field.
    #[error(
        "site {host:?} can't pass the request field {field:?}: it is no field name, or one that ends or is judged here"
    )]
    Pass {
        /// Of the site.
        host: String,
        /// As configured.
        field: String,
    },
    /// A file of `tls_cert` or `tls_key` can't be used.
    #[error("{} can't be used for TLS: {why}", file.display())]
    Tls {
        /// As configured.
        file: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The listening sockets can't be taken over, or offered, at `take_over`.
    #[error("{} can't be used for a take-over: {why}", path.display())]
    TakeOver {
        /// As configured.
        path: std::path::PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The admin listener can't listen.
    #[error("admin_listen: can't listen on {address}: {error}")]
    Admin {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The admin listener has no token.
    #[error("admin_token_file {} can't be used: {why}", path.display())]
    AdminToken {
        /// As configured.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The secrets that a site mints keys by can't be used.
    #[error(
        "keys_shared_file {} can't be used: {why}; it is a JSON Web Key Set of symmetric keys: \
         {{\"keys\":[{{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"site-1\",\"k\":\"…\"}}]}}, each k \
         the base64url of 32 to 64 random bytes",
        path.display()
    )]
    SharedKeys {
        /// As configured.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The access log can't be written.
    #[error("access_log {} can't be written: {error}; its folder must be there", path.display())]
    AccessLog {
        /// As configured.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The join token has bytes that no header can carry.
    #[error("the join token is not one line of visible ASCII")]
    JoinToken,
}

/// What an operator can do about it.
fn cache_dir_advice(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this process's user write there, or name another folder"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some of its disk, name a folder elsewhere, or delete this one and set a smaller edge.disk"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file is in its place: name a folder"
        }
        _ => "name a folder that this process can write to, or none to store in memory alone",
    }
}

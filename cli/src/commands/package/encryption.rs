//! Keys of files, and where players get them. No error shows what stands in a file.

use std::{fs::File, io::Read, path::Path};

use packager::{Keys, KeysError, Method, Protection};

use super::told;
use crate::{
    args::PackageArgs,
    exit::{Exit, error},
};

/// Longest key file, bytes. Chosen: two keys and many remarks fit.
const LEN_MAX: u64 = 1 << 16;

/// How all tracks are encrypted, by `--key-file` or `--key-server`.
pub(super) async fn protection(args: &PackageArgs) -> anyhow::Result<Option<Protection>> {
    let (file, server) = (&args.key_file, &args.key_server);
    if file.is_none() && server.is_none() {
        return Ok(None);
    }
    if let Some(fault) = wire::Encryption::Cbcs.fault(&args.codecs) {
        return Err(error(Exit::Config, format!("--codecs: {fault}")));
    }
    url("--license-url", args.license_url.as_deref())?;
    url("--key-url", args.key_url.as_deref())?;
    let keys = match (file, server) {
        (Some(file), _) => of_file(file)?,
        (None, Some(server)) => of_server(server, args).await?,
        (None, None) => return Ok(None),
    };
    Ok(Some(Protection {
        method: Method::Cbcs,
        keys,
        license_url: args.license_url.clone(),
        key_url: args.key_url.clone(),
    }))
}

/// Asked when nothing else that can be known stands in the way.
async fn of_server(server: &str, args: &PackageArgs) -> anyhow::Result<Keys> {
    url("--key-server", Some(server))?;
    let name = name(&args.out)?;
    packager::check_paths((&args.file, &args.out)).map_err(|fault| told(args, fault))?;
    Ok(Keys::of_server(server, &name).await?)
}

/// What a key server calls the asset: the name of the output folder.
fn name(out: &Path) -> anyhow::Result<String> {
    // One that is called `.` has a name all the same.
    let whole = std::path::absolute(out)?;
    let name = whole.file_name().ok_or_else(|| {
        let fault = "a key server is asked by the folder's name, and it has none: name it";
        error(Exit::Config, format!("--out {}: {fault}", out.display()))
    })?;
    Ok(name.to_string_lossy().into_owned())
}

fn of_file(file: &Path) -> anyhow::Result<Keys> {
    let wrong = |why: String| wrong("--key-file", file, &why);
    let text = String::from_utf8(read(file).map_err(wrong)?);
    let text = text.map_err(|_| wrong("it is no text".to_owned()))?;
    text.parse().map_err(|e: KeysError| wrong(e.to_string()))
}

/// How the copy for HLS alone is encrypted, by `--aes128-key`.
pub(super) fn hls_copy(args: &PackageArgs) -> anyhow::Result<Option<Protection>> {
    let Some(file) = &args.aes128_key else {
        return Ok(None);
    };
    let wrong = |why: String| wrong("--aes128-key", file, &why);
    let keys = Keys::of_secret(&read(file).map_err(wrong)?);
    let keys = keys.map_err(|e| wrong(e.to_string()))?;
    url("--aes128-url", args.aes128_url.as_deref())?;
    Ok(Some(Protection {
        method: Method::Aes128,
        keys,
        license_url: None,
        key_url: args.aes128_url.clone(),
    }))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let source = File::open(file).map_err(|e| e.to_string())?;
    let read = source.take(LEN_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LEN_MAX {
        return Err(format!("it is longer than {LEN_MAX} bytes"));
    }
    Ok(bytes)
}

fn url(flag: &str, url: Option<&str>) -> anyhow::Result<()> {
    let odd = |url: &&str| url.is_empty() || url.contains(|c: char| c == '"' || c <= ' ');
    match url.filter(odd) {
        Some(url) => Err(error(Exit::Config, format!("{flag} {url:?}: it is no URL"))),
        None => Ok(()),
    }
}

fn wrong(flag: &str, file: &Path, why: &str) -> anyhow::Error {
    error(Exit::Config, format!("{flag} {}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_server_is_asked_by_the_folders_own_name() {
        let here = std::env::current_dir().unwrap();
        let here = here.file_name().unwrap().to_string_lossy();
        assert_eq!(name(Path::new(".")).unwrap(), here);
        assert_eq!(name(Path::new("out/holiday/")).unwrap(), "holiday");
        for none in ["/", "..", "out/.."] {
            let told = name(Path::new(none)).unwrap_err().to_string();
            assert!(told.contains(&format!("--out {none}:")), "{told}");
        }
    }
}

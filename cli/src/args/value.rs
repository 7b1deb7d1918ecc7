//! Values whose own errors would not say how to write them.

use std::net::SocketAddr;

use bytesize::ByteSize;

/// Where to listen.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "write IP:PORT, such as 127.0.0.1:8081 or [::1]:8081".to_owned())
}

/// A length.
pub(crate) fn size(text: &str) -> Result<ByteSize, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "write a number with its unit, such as 512MiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_is_answered_with_how_to_write_one() {
        assert!(address("localhost:80").unwrap_err().contains("IP:PORT"));
        assert!(size("lots").unwrap_err().contains("512MiB"));
        assert_eq!(size("1KiB"), Ok(ByteSize::kib(1)));
        assert!(address("[::1]:80").is_ok());
    }
}

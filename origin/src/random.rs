//! Names and secrets that nobody can guess.

/// Letters of an id.
const LETTERS: &[u8; 32] = b"0123456789bcdfghjklmnpqrstvwxyza";

/// A fresh id of 80 bits: 16 letters.
pub(crate) fn id() -> String {
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte % 32)]);
    bytes::<16>().into_iter().map(letter).collect()
}

/// A fresh secret of 256 bits, as hexadecimal text.
pub(crate) fn secret() -> String {
    hex::<32>()
}

/// So many fresh random bytes, as hexadecimal text.
pub(crate) fn hex<const N: usize>() -> String {
    use std::fmt::Write;
    bytes::<N>().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every write");
        text
    })
}

/// Fresh random bytes from the system.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_ids_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| super::id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            id.parse::<wire::AssetId>().unwrap();
        }
    }
}

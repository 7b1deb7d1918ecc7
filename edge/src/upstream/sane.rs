use http::{
    StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    response::Parts,
};

use super::error::FetchError;

/// Whether a head leaves no doubt where its body ends (RFC 9112 §6.3). hyper has read it
/// already, and takes one word where two contradict each other.
pub(crate) fn check(parts: &Parts) -> Result<(), FetchError> {
    let bad = |why: &str| Err(FetchError::BadAnswer(why.to_owned()));
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return bad("it changes the protocol unasked");
    }
    if parts.status.as_u16() >= 600 {
        return bad("its status has no meaning");
    }
    let mut lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    let is_list = length.is_some_and(|field| field.as_bytes().contains(&b','));
    if is_list || lengths.next().is_some() {
        return bad("it has more than one Content-Length");
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if length.is_some() {
        return bad("it has both Content-Length and Transfer-Encoding");
    }
    // Nothing else was asked for by TE (RFC 9110 §10.1.4).
    let is_chunked = coding
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() {
        return Err(FetchError::BadCoding("it is not just chunked".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(status: u16, fields: &[(&str, &str)]) -> Parts {
        let response = http::Response::builder().status(status);
        let response = fields
            .iter()
            .fold(response, |it, (name, value)| it.header(*name, *value));
        response.body(()).unwrap().into_parts().0
    }

    #[test]
    fn one_word_on_the_length_is_sane() {
        for fields in [
            &[][..],
            &[("content-length", "5")],
            &[("transfer-encoding", "Chunked")],
        ] {
            assert_eq!(check(&parts(200, fields)), Ok(()));
        }
    }

    #[test]
    fn two_words_on_the_length_are_not() {
        for fields in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5, 5")],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "identity")],
        ] {
            assert!(check(&parts(200, fields)).is_err(), "{fields:?}");
        }
    }

    #[test]
    fn a_status_without_meaning_is_refused() {
        for status in [101, 600, 999] {
            assert!(check(&parts(status, &[])).is_err());
        }
    }
}

//! What manifests say of encrypted versions.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use media::{Edit, Encryption, ManifestError, Method, Presentation, bmff::cbcs::KeyId, dash, hls};

use crate::model::presentation;

const VIDEO: &str = "00112233-4455-6677-8899-aabbccddeeff";
const AUDIO: &str = "ffeeddcc-bbaa-9988-7766-554433221100";

fn encrypted(license_url: Option<&str>, key_url: Option<&str>) -> Presentation {
    let id = |text: &str| text.parse::<KeyId>().unwrap();
    Presentation {
        encryption: Some(Encryption {
            method: Method::Cbcs,
            video: id(VIDEO),
            audio: id(AUDIO),
            license_url: license_url.map(str::to_owned),
            key_url: key_url.map(str::to_owned),
            up: String::new(),
        }),
        ..presentation(3, true)
    }
}

/// Lines that name a key, of a multivariant and of two media playlists.
fn lines(p: &Presentation) -> [Vec<String>; 3] {
    let edit = Edit::default();
    let playlist = |n: usize| hls::media_playlist(&p.tracks[n], p, &edit).unwrap();
    let all = [
        hls::multivariant(p, "", &edit).unwrap(),
        playlist(0),
        playlist(3),
    ];
    all.map(|text| {
        let keys = text.lines().filter(|line| line.contains("-KEY:"));
        keys.map(str::to_owned).collect()
    })
}

#[test]
fn without_encryption_no_key_is_named() {
    let p = presentation(3, true);
    assert_eq!(lines(&p).concat(), Vec::<String>::new());
    let mpd = dash::mpd(&p, "", &Edit::default()).unwrap();
    assert!(
        !mpd.contains("ContentProtection") && !mpd.contains("cenc"),
        "{mpd}"
    );
}

/// rfc8216bis §4.4.4.4: a URI is due; without a server it names the key.
#[test]
fn each_playlist_names_the_key_of_its_track_and_the_list_of_all_each_once() {
    let [session, video, audio] = lines(&encrypted(None, None));
    let line = |tag: &str, id: &str| {
        let hex = id.replace('-', "");
        format!(
            "#{tag}:METHOD=SAMPLE-AES,URI=\"urn:uuid:{id}\",KEYID=0x{hex},\
             KEYFORMAT=\"org.w3.clearkey\",KEYFORMATVERSIONS=\"1\""
        )
    };
    let tag = "EXT-X-SESSION-KEY";
    assert_eq!(session, [line(tag, VIDEO), line(tag, AUDIO)]);
    assert_eq!(video, [line("EXT-X-KEY", VIDEO)]);
    assert_eq!(audio, [line("EXT-X-KEY", AUDIO)]);
}

#[test]
fn addresses_of_licences_and_keys_stand_where_players_look() {
    let licence = "https://k/l?a&b";
    let [session, video, _] = lines(&encrypted(Some(licence), None));
    for line in [&session[0], &video[0]] {
        // hls.js takes keys of one URI for one.
        let uri = format!("URI=\"{licence}#{}\"", VIDEO.replace('-', ""));
        assert!(line.contains(&uri), "{line}");
    }
    let p = encrypted(Some(licence), Some("https://k/{kid}"));
    let [session, video, _] = lines(&p);
    let hex = VIDEO.replace('-', "");
    let by_id =
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://k/{hex}\",KEYFORMAT=\"identity\"");
    assert_eq!((session.len(), &video[..]), (0, &[by_id.clone()][..]));
    let iframes = hls::iframe_playlist(&p.tracks[0], &p, &Edit::default()).unwrap();
    assert_eq!(iframes.matches(&by_id).count(), 1);
    let mpd = dash::mpd(&p, "", &Edit::default()).unwrap();
    assert!(
        mpd.contains("<dashif:Laurl>https://k/l?a&amp;b</dashif:Laurl>"),
        "{mpd}"
    );
}

/// ISO/IEC 23009-1 §5.8.4.1, ISO/IEC 23001-7 §11.2.2.
#[test]
fn each_set_of_an_mpd_says_scheme_and_key() {
    let mpd = dash::mpd(&encrypted(None, None), "", &Edit::default()).unwrap();
    for id in [VIDEO, AUDIO] {
        let scheme = format!(
            "<ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" \
             value=\"cbcs\" cenc:default_KID=\"{id}\"/>"
        );
        assert_eq!(mpd.matches(&scheme).count(), 1, "{mpd}");
    }
    assert_eq!(
        mpd.matches("e2719d58-a985-b3c9-781a-b030af78d30e").count(),
        2
    );
    assert!(mpd.contains("xmlns:cenc=\"urn:mpeg:cenc:2013\""), "{mpd}");
}

/// RFC 8216 §4.3.2.4, §4.3.2.5: the key comes before the init segment, which it encrypts too.
#[test]
fn whole_segments_are_named_in_hls_alone() {
    let mut p = encrypted(None, Some("{kid}.key"));
    let encryption = p.encryption.as_mut().unwrap();
    (encryption.method, encryption.up) = (Method::Aes128, "../../".to_owned());
    let playlist = hls::media_playlist(&p.tracks[0], &p, &Edit::default()).unwrap();
    let hex = VIDEO.replace('-', "");
    let lines = format!(
        "#EXT-X-KEY:METHOD=AES-128,URI=\"../../{hex}.key\",IV=0x{hex}\n#EXT-X-MAP:URI=\"init.mp4\"\n"
    );
    assert!(playlist.contains(&lines), "{playlist}");
    assert_eq!(playlist.matches("-KEY:").count(), 1, "{playlist}");
    let master = hls::multivariant(&p, "v", &Edit::default()).unwrap();
    assert!(
        !master.contains("I-FRAME") && !master.contains("SESSION-KEY"),
        "{master}"
    );
    assert!(hls::iframe_playlist(&p.tracks[0], &p, &Edit::default()).is_err());
    let mpd = dash::mpd(&p, "", &Edit::default());
    assert_eq!(mpd, Err(ManifestError::HlsOnly));
}

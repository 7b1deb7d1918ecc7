//! Every rule: its name, how bad it is to break it, and who says so.

use super::report::{Rule, Severity::*};

macro_rules! rules {
    ($($name:ident $severity:ident $id:literal $source:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { id: $id, severity: $severity, source: $source };)*
        /// All of them.
        pub(super) const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    FETCH Error "fetch" "RFC 8216bis §6.2.1: every URI names something that can be read";
    HLS_PARSE Error "hls-parse" "RFC 8216bis §4.1";
    HLS_REQUIRED Error "hls-required-tag" "RFC 8216bis §4.4";
    HLS_VERSION Error "hls-version" "RFC 8216bis §8";
    HLS_TARGET Error "hls-target-duration" "RFC 8216bis §4.4.3.1";
    HLS_TARGET_EQUAL Error "hls-target-duration-equal" "RFC 8216bis §6.2.4";
    HLS_EXTINF Error "hls-extinf" "RFC 8216bis §4.4.4.1; 1 ms is ours";
    HLS_SEQUENCE Error "hls-media-sequence" "RFC 8216bis §4.4.3.2";
    HLS_END Error "hls-end" "RFC 8216bis §4.4.3.5";
    HLS_MAP Error "hls-map" "RFC 8216bis §3.1.2";
    HLS_CODECS Error "hls-codecs" "RFC 8216bis §4.4.6.2; RFC 6381";
    HLS_RESOLUTION Error "hls-resolution" "RFC 8216bis §4.4.6.2";
    HLS_FRAME_RATE Error "hls-frame-rate" "RFC 8216bis §4.4.6.2; 0.5 % is ours";
    HLS_RANGE Error "hls-video-range" "RFC 8216bis §4.4.6.2; ISO/IEC 23091-2 §8.2";
    HLS_BANDWIDTH Error "hls-bandwidth" "RFC 8216bis §4.4.6.2";
    HLS_BANDWIDTH_HIGH Warning "hls-bandwidth-high" "Apple HLS authoring: measured peak within 10 % of BANDWIDTH";
    HLS_AVERAGE Error "hls-average-bandwidth" "Apple HLS authoring: within 10 % of AVERAGE-BANDWIDTH";
    HLS_GROUP Error "hls-group" "RFC 8216bis §4.4.6.2.1";
    HLS_DEFAULT Error "hls-default" "RFC 8216bis §4.4.6.1.1";
    HLS_LANGUAGE Error "hls-language" "RFC 5646 §2.1";
    HLS_NAME Error "hls-name" "RFC 8216bis §4.4.6.1.1";
    HLS_INDEPENDENT Error "hls-independent-segments" "RFC 8216bis §4.4.2.1";
    HLS_ALIGNED Error "hls-aligned" "RFC 8216bis §6.2.4; Apple HLS authoring";
    HLS_DURATION Error "hls-rendition-duration" "RFC 8216bis §6.2.4";
    HLS_COVER Warning "hls-cover" "chosen: sound and text cover what the picture covers";
    HLS_START Error "hls-start" "RFC 8216bis §6.3.3: without it players join an EVENT near its end";
    HLS_IFRAMES Error "hls-iframes" "RFC 8216bis §4.4.3.6; Apple HLS authoring";
    HLS_CRYPT Error "hls-aes-128" "RFC 8216bis §4.4.4.4, §5.2";
    CMAF_BOXES Error "cmaf-boxes" "ISO/IEC 14496-12 §4.2, §8.8; ISO/IEC 23000-19 §7.3";
    CMAF_TRACKS Error "cmaf-one-track" "ISO/IEC 23000-19 §7.3.1";
    CMAF_TFDT Error "cmaf-tfdt" "ISO/IEC 23000-19 §7.3.2.3";
    CMAF_EARLIEST Error "cmaf-earliest" "chosen: players place a segment by its tfdt";
    CMAF_IDR Error "cmaf-idr" "ISO/IEC 23000-19 §7.3.2.1; SAP type 1 or 2";
    CMAF_EDIT Error "cmaf-video-edit" "chosen: hls.js ignores edit lists, others do not";
    CMAF_MDAT Error "cmaf-mdat" "ISO/IEC 14496-12 §8.8.8";
    CMAF_TRACK_ID Error "cmaf-track-id" "ISO/IEC 14496-12 §8.8.7";
    CMAF_TIMESCALE Error "cmaf-timescale" "ISO/IEC 23000-19 §7.3.4: equal in one switching set";
    CMAF_SIZE Error "cmaf-size" "ISO/IEC 14496-15 §5.4.2, AV1-ISOBMFF §2.2: the sample entry's size is the pictures'";
    CMAF_SETS Error "cmaf-parameter-sets" "ISO/IEC 14496-15 §5.3, AV1-ISOBMFF §2.3: the sample entry has them as the samples do";
    CMAF_OFFSET Error "cmaf-av-offset" "chosen: 22 ms without edit lists, 1 ms with them";
    CMAF_LATE Warning "cmaf-late-track" "chosen: more than 250 ms late is taken as meant";
    CMAF_CRYPT Warning "cmaf-encrypted" "chosen: encrypted samples are not looked into";
    DASH_XML Error "dash-xml" "XML 1.0 §2.1";
    DASH_ORDER Error "dash-order" "ISO/IEC 23009-1 DASH-MPD.xsd: sequences";
    DASH_ATTRIBUTE Error "dash-attribute" "ISO/IEC 23009-1 DASH-MPD.xsd: attributes";
    DASH_ID Error "dash-id" "ISO/IEC 23009-1 §5.3.3.2, §5.3.5.2";
    DASH_TIMELINE Error "dash-timeline" "ISO/IEC 23009-1 §5.3.9.6";
    DASH_TIMES Error "dash-segment-times" "ISO/IEC 23009-1 §5.3.9.6.1";
    DASH_CODECS Error "dash-codecs" "ISO/IEC 23009-1 §5.3.7.2; RFC 6381";
    DASH_SIZE Error "dash-size" "ISO/IEC 23009-1 §5.3.7.2";
    DASH_FRAME_RATE Error "dash-frame-rate" "ISO/IEC 23009-1 §5.3.7.2; 0.5 % is ours";
    DASH_RANGE Error "dash-transfer" "ISO/IEC 23009-1 §5.8.4.8; ISO/IEC 23091-2 §8.2";
    DASH_SAMPLING Error "dash-sampling-rate" "ISO/IEC 23009-1 §5.3.7.2";
    DASH_BANDWIDTH Error "dash-bandwidth" "ISO/IEC 23009-1 §5.3.5.2";
    DASH_BANDWIDTH_HIGH Warning "dash-bandwidth-high" "chosen: at most twice the dearest segment's rate";
    DASH_DURATION Error "dash-duration" "ISO/IEC 23009-1 §5.3.1.2; one frame is ours";
    DASH_SAP Error "dash-start-with-sap" "ISO/IEC 23009-1 §5.3.7.2";
    DASH_LANG Error "dash-lang" "RFC 5646 §2.1";
    VTT_HEADER Error "vtt-header" "WebVTT §4.1";
    VTT_MAP Error "vtt-timestamp-map" "RFC 8216bis §3.1.4";
    VTT_CUE Error "vtt-cue" "WebVTT §4.1";
    VTT_TIME Error "vtt-cue-time" "RFC 8216bis §3.1.4";
    VTT_BORDER Error "vtt-border" "RFC 8216bis §3.1.4: a cue over a border is in both segments";
    HTTP_TYPE Error "http-content-type" "RFC 8216bis §4; ISO/IEC 23009-1 annex C; RFC 8081";
    HTTP_CORS Error "http-cors" "Fetch §3.2: exactly one Access-Control-Allow-Origin";
    HTTP_RANGE Error "http-range" "RFC 9110 §14";
    HTTP_CACHE Error "http-cache-control" "RFC 9111 §4.2.2: without it caches guess";
    HTTP_HEAD Error "http-head" "RFC 9110 §9.3.2";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_two_rules_have_one_name() {
        let names: BTreeSet<_> = super::ALL.iter().map(|rule| rule.id).collect();
        assert_eq!(names.len(), super::ALL.len());
    }
}

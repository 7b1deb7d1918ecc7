//! The DASH manifest (ISO/IEC 23009-1, profile `isoff-live:2011`).
//!
//! Elements are in the order of the MPD schema: of an AdaptationSet
//! AudioChannelConfiguration, ContentProtection, EssentialProperty, Label, Accessibility, Role,
//! SegmentTemplate, Representation.

mod audio;
mod protection;
mod text;
mod thumbnails;
mod timeline;
mod video;

use crate::{
    Edit, ManifestError, Presentation, Shown, TrackKind,
    view::View,
    xml::{Attributes, Writer},
};

/// The MPD of a whole version: `static`, as players read one only once. Its URLs are
/// `<version>/<track>/init.mp4` and `<version>/<track>/<n>.m4s`, from 0;
/// `<version>/<track>.vtt`; `<version>/storyboard-<n>.jpg`.
///
/// A clip is the same segments under a period that starts and ends inside of them. As
/// neither a text file nor tiled pictures can say that they start before their period,
/// a clip that does not start at zero is without them.
///
/// # Errors
/// The version grows, or the edit leaves nothing; it is encrypted for HLS alone.
pub fn mpd(p: &Presentation, version: &str, edit: &Edit) -> Result<String, ManifestError> {
    if p.is_whole_encrypted() {
        return Err(ManifestError::HlsOnly);
    }
    if !p.sealed {
        return Err(ManifestError::NotYet);
    }
    let view = View::of(p, edit)?;
    let mut xml = Writer::document();
    xml.open("MPD", root(&view));
    xml.open("Period", vec![("id", "0".into()), ("start", "PT0S".into())]);
    let mut sets = Sets {
        xml: &mut xml,
        next: 0,
    };
    video::put(&mut sets, &view, version);
    audio::put(&mut sets, &view, version);
    if start_micros(&view) == 0 {
        text::put(&mut sets, &view, version);
        thumbnails::put(&mut sets, &view, version);
    }
    Ok(xml.finish())
}

/// The period's AdaptationSets, numbered in order.
struct Sets<'x> {
    xml: &'x mut Writer,
    next: usize,
}

impl Sets<'_> {
    /// Starts one of what `mime_type` says, with what else it has of attributes.
    fn open(&mut self, content: &'static str, mime_type: &str, rest: Attributes) {
        let mut attributes = vec![
            ("id", self.next.to_string()),
            ("contentType", content.into()),
            ("mimeType", mime_type.into()),
        ];
        attributes.extend(rest);
        self.xml.open("AdaptationSet", attributes);
        self.next += 1;
    }
}

fn root(view: &View<'_>) -> Attributes {
    let micros = view.end_micros().saturating_sub(start_micros(view));
    let (secs, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut root: Attributes = vec![("xmlns", "urn:mpeg:dash:schema:mpd:2011".into())];
    root.extend(protection::namespaces(view));
    root.extend([
        ("profiles", "urn:mpeg:dash:profile:isoff-live:2011".into()),
        ("type", "static".into()),
        // Rounded up: players cut what goes beyond, and MSE drops a frame whose end is
        // beyond the window's.
        (
            "mediaPresentationDuration",
            format!("PT{secs}.{micros:06}S"),
        ),
        // With each bandwidth the peak over a segment, a segment ahead is enough.
        ("minBufferTime", format!("PT{}S", view.target_secs)),
    ]);
    root
}

/// The presentation time at which the period starts, microseconds.
fn start_micros(view: &View<'_>) -> u64 {
    view.edit.start.map_or(0, |start| start.0)
}

fn segmented(aligned: bool) -> Attributes {
    vec![
        ("segmentAlignment", aligned.to_string()),
        ("startWithSAP", "1".into()),
    ]
}

fn descriptor(scheme: &str, value: &str) -> Attributes {
    vec![("schemeIdUri", scheme.into()), ("value", value.into())]
}

fn put_role(xml: &mut Writer, value: &str) {
    xml.empty("Role", descriptor("urn:mpeg:dash:role:2011", value));
}

/// `own_template`: the version, where the set's template does not hold.
fn put_representation(
    xml: &mut Writer,
    view: &View<'_>,
    shown: &Shown<'_>,
    own_template: Option<&str>,
) {
    let track = shown.track;
    let mut attributes = vec![
        ("id", track.name.clone()),
        ("bandwidth", view.bandwidth(shown).to_string()),
        ("codecs", track.codec.clone()),
    ];
    match track.kind {
        TrackKind::Video {
            width,
            height,
            frame_rate,
            ..
        } => {
            attributes.push(("width", width.to_string()));
            attributes.push(("height", height.to_string()));
            attributes.extend(video::fraction(frame_rate).map(|rate| ("frameRate", rate)));
        }
        TrackKind::Audio { sample_rate, .. } => {
            attributes.push(("audioSamplingRate", sample_rate.to_string()));
        }
        TrackKind::Text { .. } => {}
    }
    let Some(version) = own_template else {
        return xml.empty("Representation", attributes);
    };
    xml.open("Representation", attributes);
    timeline::put_template(xml, view, shown, version);
    xml.close();
}

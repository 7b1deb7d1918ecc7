//! A small presentation that breaks no rule: two sizes of a picture at 30 frames a second,
//! sound, subtitles, I-frames; segments of 2, 2 and 1 s.

use std::collections::BTreeMap;

use player_test::{Finding, ValidateOptions, Validation, validate};

use crate::bytes::{Init, Segment, init, segment};

/// Name and size of each rendition, and the bytes of a sample.
const VIDEOS: [(&str, (u16, u16), usize); 2] =
    [("v192", (320, 192), 100), ("v384", (640, 384), 300)];
const VIDEO_SAMPLES: [u32; 3] = [60, 60, 30];
const AUDIO_SAMPLES: [u32; 3] = [94, 94, 46];

/// Files by their path, to be spoilt.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

pub(crate) fn video_init(size: (u16, u16)) -> Init {
    Init {
        video: true,
        timescale: 15_360,
        size,
        edit: None,
        tracks: 1,
    }
}

pub(crate) fn audio_init() -> Init {
    Init {
        video: false,
        timescale: 48_000,
        size: (0, 0),
        edit: None,
        tracks: 1,
    }
}

/// The segment with this number of the small picture.
pub(crate) fn video_segment(number: u32) -> Segment {
    let count = VIDEO_SAMPLES[number as usize];
    Segment {
        start: number * 60 * 512,
        samples: (count, 512),
        len: 100,
        nal: 0x65,
        offset: 0,
    }
}

fn audio_segment(number: u32) -> Segment {
    let count = AUDIO_SAMPLES[number as usize];
    Segment {
        start: number * 94 * 1024,
        samples: (count, 1024),
        len: 20,
        nal: 0x65,
        offset: 0,
    }
}

impl Files {
    /// The presentation as it should be.
    pub(crate) fn good() -> Self {
        let mut files = Self(BTreeMap::new());
        for (name, size, len) in VIDEOS {
            files.put(&format!("{name}/init.mp4"), init(video_init(size)));
            for number in 0..3 {
                let of = Segment {
                    len,
                    ..video_segment(number)
                };
                files.put(&format!("{name}/{number}.m4s"), segment(&of));
            }
        }
        files.put("a1/init.mp4", init(audio_init()));
        for number in 0..3 {
            files.put(&format!("a1/{number}.m4s"), segment(&audio_segment(number)));
        }
        files.texts();
        files.playlists();
        files.manifest();
        files
    }

    fn texts(&mut self) {
        let cues = [
            "00:00:00.500 --> 00:00:01.000\none",
            "00:00:01.500 --> 00:00:02.500\nover the border",
            "00:00:04.100 --> 00:00:04.900\nthree",
        ];
        for (number, of) in [&cues[..2], &cues[1..2], &cues[2..]]
            .into_iter()
            .enumerate()
        {
            let head = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n";
            self.put(
                &format!("t1/{number}.vtt"),
                format!("{head}{}\n", of.join("\n\n")),
            );
        }
        self.put("t1.vtt", format!("WEBVTT\n\n{}\n", cues.join("\n\n")));
    }

    fn playlists(&mut self) {
        let head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n";
        let map = "#EXT-X-MAP:URI=\"init.mp4\"\n";
        let listed = |secs: [f64; 3], extension: &str| -> String {
            let each = secs.iter().enumerate();
            let each = each.map(|(at, secs)| format!("#EXTINF:{secs:.6},\n{at}.{extension}\n"));
            each.collect::<String>() + "#EXT-X-ENDLIST\n"
        };
        let audio_secs = AUDIO_SAMPLES.map(|n| f64::from(n) * 1024.0 / 48_000.0);
        for (track, secs) in [
            ("v192", [2.0, 2.0, 1.0]),
            ("v384", [2.0, 2.0, 1.0]),
            ("a1", audio_secs),
        ] {
            self.put(
                &format!("{track}/index.m3u8"),
                format!("{head}{map}{}", listed(secs, "m4s")),
            );
        }
        self.put(
            "t1/index.m3u8",
            format!("{head}{}", listed([2.0, 2.0, 1.0], "vtt")),
        );
        let iframes: String = [2, 2, 1]
            .iter()
            .enumerate()
            .map(|(at, secs)| {
                let file = &self.0[&format!("v192/{at}.m4s")];
                let mdat = file
                    .windows(4)
                    .position(|four| four == b"mdat")
                    .expect("written here");
                format!(
                    "#EXTINF:{secs}.0,\n#EXT-X-BYTERANGE:{}@0\n{at}.m4s\n",
                    mdat + 4 + 100
                )
            })
            .collect();
        let body = format!("{head}#EXT-X-I-FRAMES-ONLY\n{map}{iframes}#EXT-X-ENDLIST\n");
        self.put("v192/iframes.m3u8", body);
        let mut master = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a1/index.m3u8\"\n\
            #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English\",LANGUAGE=\"en\",URI=\"t1/index.m3u8\"\n".to_owned();
        for (name, (wide, high), _) in VIDEOS {
            let (peak, mean) = (
                self.peak(name) + self.peak("a1"),
                self.mean(name) + self.mean("a1"),
            );
            master += &format!(
                "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean},CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION={wide}x{high},FRAME-RATE=30.000,AUDIO=\"audio\",SUBTITLES=\"text\"\n{name}/index.m3u8\n"
            );
        }
        master += "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000,CODECS=\"avc1.42c01e\",RESOLUTION=320x192,URI=\"v192/iframes.m3u8\"\n";
        self.put("master.m3u8", master);
    }

    fn sizes(&self, track: &str) -> [f64; 3] {
        [0, 1, 2].map(|at| self.0[&format!("{track}/{at}.m4s")].len() as f64 * 8.0)
    }

    /// Bits a second of the dearest segment: here more than that of any two.
    fn peak(&self, track: &str) -> u64 {
        let secs = if track == "a1" {
            AUDIO_SAMPLES.map(|n| f64::from(n) * 1024.0 / 48_000.0)
        } else {
            [2.0, 2.0, 1.0]
        };
        let rates = self
            .sizes(track)
            .into_iter()
            .zip(secs)
            .map(|(bits, secs)| bits / secs);
        rates.fold(0.0, f64::max).ceil() as u64
    }

    fn mean(&self, track: &str) -> u64 {
        (self.sizes(track).iter().sum::<f64>() / 5.0) as u64
    }

    fn manifest(&mut self) {
        let videos: String = VIDEOS.iter().map(|(name, (wide, high), _)| {
            format!("      <Representation id=\"{name}\" bandwidth=\"{}\" codecs=\"avc1.42c01e\" width=\"{wide}\" height=\"{high}\" frameRate=\"30\"/>\n", self.peak(name))
        }).collect();
        let template = |timescale: u32, times: &str| {
            format!(
                "<SegmentTemplate timescale=\"{timescale}\" startNumber=\"0\" initialization=\"$RepresentationID$/init.mp4\" media=\"$RepresentationID$/$Number$.m4s\"><SegmentTimeline>{times}</SegmentTimeline></SegmentTemplate>\n"
            )
        };
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"PT5S\" minBufferTime=\"PT2S\">
  <Period id=\"0\" start=\"PT0S\">
    <AdaptationSet id=\"0\" contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\">
      {}{videos}    </AdaptationSet>
    <AdaptationSet id=\"1\" contentType=\"audio\" mimeType=\"audio/mp4\" startWithSAP=\"1\" lang=\"en\">
      <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>
      {}      <Representation id=\"a1\" bandwidth=\"{}\" codecs=\"mp4a.40.2\" audioSamplingRate=\"48000\"/>
    </AdaptationSet>
    <AdaptationSet id=\"2\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"en\">
      <Representation id=\"t1\" bandwidth=\"100\"><BaseURL>t1.vtt</BaseURL></Representation>
    </AdaptationSet>
  </Period>
</MPD>
",
            template(15_360, "<S t=\"0\" d=\"30720\" r=\"1\"/><S d=\"15360\"/>"),
            template(48_000, "<S t=\"0\" d=\"96256\" r=\"1\"/><S d=\"47104\"/>"),
            self.peak("a1"),
        );
        self.put("manifest.mpd", text);
    }

    pub(crate) fn put(&mut self, name: &str, body: impl Into<Vec<u8>>) {
        self.0.insert(name.to_owned(), body.into());
    }

    /// Replaces a text, wherever it is in a file.
    pub(crate) fn edit(&mut self, name: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.0[name].clone()).expect("a text file");
        assert!(text.contains(from), "{name} has no {from}");
        self.put(name, text.replace(from, to));
    }

    /// Replaces a text in each media playlist.
    pub(crate) fn edit_all(&mut self, from: &str, to: &str) {
        for track in ["v192", "v384", "a1", "t1"] {
            self.edit(&format!("{track}/index.m3u8"), from, to);
        }
    }

    /// Overwrites bytes some way after the type of a box.
    pub(crate) fn patch(&mut self, name: &str, kind: &[u8; 4], after: usize, bytes: &[u8]) {
        let file = self.0.get_mut(name).expect("a file of the presentation");
        let at = file
            .windows(4)
            .position(|four| four == kind)
            .expect("it is there and ours")
            + 4
            + after;
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Validates it as a folder.
    pub(crate) async fn validate(&self, sample: Option<usize>) -> Validation {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, body) in &self.0 {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("in a folder"))
                .expect("it is there and ours");
            std::fs::write(path, body).expect("it is there and ours");
        }
        let target = folder.path().to_str().expect("a path in UTF-8").to_owned();
        validate(ValidateOptions { target, sample })
            .await
            .expect("the folder is there")
    }
}

/// A way to spoil a presentation.
#[derive(Clone, Copy)]
pub(crate) enum Spoil {
    /// In a file, one text for another.
    Edit(&'static str, &'static str, &'static str),
    /// In each media playlist, one text for another.
    EditAll(&'static str, &'static str),
    /// In a file, bytes some way after the type of a box.
    Patch(&'static str, &'static [u8; 4], usize, &'static [u8]),
    /// A file is gone.
    Drop(&'static str),
    With(fn(&mut Files)),
}

/// The rule that is broken by a way to spoil a presentation.
pub(crate) type Case = (&'static str, Spoil);

/// Each case breaks its rule.
pub(crate) async fn check(cases: &[Case]) {
    for (rule, spoil) in cases {
        let mut files = Files::good();
        match *spoil {
            Spoil::Edit(name, from, to) => files.edit(name, from, to),
            Spoil::EditAll(from, to) => files.edit_all(from, to),
            Spoil::Patch(name, kind, after, bytes) => files.patch(name, kind, after, bytes),
            Spoil::Drop(name) => drop(files.0.remove(name)),
            Spoil::With(spoil) => spoil(&mut files),
        }
        let report = files.validate(None).await;
        let broken = |finding: &Finding| finding.rule == *rule;
        assert!(
            report.findings.iter().any(broken),
            "{rule} is not found broken: {report}"
        );
    }
}

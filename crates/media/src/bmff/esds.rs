//! MPEG-4 audio inside mp4: the descriptors of `esds` (ISO/IEC 14496-1 §7.2.6) and the
//! AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2).

use super::{BoxError, FourCc, bits::Bits, boxes::Fields};

/// What `esds` says.
pub(super) struct Config {
    /// Object types behind `mp4a.`, as RFC 6381 §3.3 wants them: `40.2` is AAC-LC.
    pub(super) codec: String,
    /// `None` where only the sample entry tells.
    pub(super) channels: Option<u32>,
    /// `None` where only the sample entry tells.
    pub(super) sample_rate: Option<u32>,
}

const ES: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;
/// Object type indication of MPEG-4 audio.
const MPEG4_AUDIO: u8 = 0x40;

impl Config {
    pub(super) fn read(esds: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"esds", esds);
        fields.version_flags()?;
        let mut es = descriptor(&mut fields, ES)?;
        skip_es_header(&mut es)?;
        let mut decoder = descriptor(&mut es, DECODER_CONFIG)?;
        let object_type = decoder.u8()?;
        decoder.skip(12)?; // stream type, buffer size, bit rates
        if object_type != MPEG4_AUDIO {
            let codec = format!("{object_type:02x}");
            return Ok(Self {
                codec,
                channels: None,
                sample_rate: None,
            });
        }
        specific(descriptor(&mut decoder, DECODER_SPECIFIC)?.rest()).ok_or(BoxError::Invalid {
            inside: FourCc(*b"esds"),
            what: "AudioSpecificConfig",
        })
    }
}

/// The descriptor that comes next, which must have this tag. Its length is written in
/// up to four bytes of seven bits.
fn descriptor<'a>(fields: &mut Fields<'a>, tag: u8) -> Result<Fields<'a>, BoxError> {
    if fields.u8()? != tag {
        return Err(BoxError::Invalid {
            inside: FourCc(*b"esds"),
            what: "order of descriptors",
        });
    }
    let mut len = 0;
    for _ in 0..4 {
        let byte = fields.u8()?;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(Fields::of(b"esds", fields.bytes(len)?))
}

fn skip_es_header(es: &mut Fields<'_>) -> Result<(), BoxError> {
    es.skip(2)?; // ES_ID
    let flags = es.u8()?;
    if flags & 0x80 != 0 {
        es.skip(2)?; // depends on
    }
    if flags & 0x40 != 0 {
        let len = es.u8()?; // URL
        es.skip(usize::from(len))?;
    }
    if flags & 0x20 != 0 {
        es.skip(2)?; // clock reference
    }
    Ok(())
}

/// Table 1.18 of ISO/IEC 14496-3.
const SAMPLE_RATES: [u32; 13] = [
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
/// Table 1.19 of ISO/IEC 14496-3, from 1; 0 means "told elsewhere".
const CHANNELS: [u32; 7] = [1, 2, 3, 4, 5, 6, 8];
/// Object types that announce spectral band replication, whose rate comes later.
const SBR: [u32; 2] = [5, 29];

fn specific(bytes: &[u8]) -> Option<Config> {
    let mut bits = Bits::of(bytes);
    let object_type = bits.object_type()?;
    let mut sample_rate = bits.sample_rate()?;
    let channels = bits.take(4)?;
    if SBR.contains(&object_type) {
        sample_rate = bits.sample_rate()?;
    }
    // Parametric stereo: coded as one channel, heard as two.
    let channels = if object_type == 29 && channels == 1 {
        2
    } else {
        channels
    };
    Some(Config {
        codec: format!("40.{object_type}"),
        channels: channels
            .checked_sub(1)
            .and_then(|i| CHANNELS.get(i as usize))
            .copied(),
        sample_rate: Some(sample_rate),
    })
}

impl Bits<'_> {
    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => self.take(6).map(|more| 32 + more),
            short => Some(short),
        }
    }

    fn sample_rate(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => SAMPLE_RATES.get(index as usize).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audio_specific_config_tells_what_is_heard() {
        for (bytes, codec, channels, sample_rate) in [
            (&[0x11, 0x90][..], "40.2", Some(2), 48000),
            (&[0x11, 0xb8], "40.2", Some(8), 48000), // 7.1
            (&[0x11, 0x80], "40.2", None, 48000),    // channels in a program config element
            (&[0x2b, 0x92, 0x08], "40.5", Some(2), 44100), // HE-AAC: 22050 doubled
            (&[0xeb, 0x8a, 0x08], "40.29", Some(2), 44100), // HE-AAC v2: mono made stereo
            (&[0xf9, 0x46, 0x40], "40.42", Some(2), 48000), // object type above 31
            (&[0x17, 0x80, 0x56, 0x0c, 0x08], "40.2", Some(1), 44056), // rate spelt out
        ] {
            let config = specific(bytes).unwrap();
            assert_eq!(
                (config.codec.as_str(), config.channels, config.sample_rate),
                (codec, channels, Some(sample_rate)),
            );
        }
    }

    #[test]
    fn a_short_or_reserved_config_is_refused() {
        for bytes in [&[][..], &[0x11], &[0x16, 0x90], &[0x2b, 0x90]] {
            assert!(specific(bytes).is_none(), "{bytes:x?}");
        }
    }

    /// `esds` of one ES descriptor with this DecoderConfigDescriptor's body.
    fn esds(flags: &[u8], decoder: &[u8]) -> Vec<u8> {
        let decoder = [
            &[DECODER_CONFIG, 0x80, 0x80, 0x80, decoder.len() as u8],
            decoder,
        ]
        .concat();
        let es = [&[0, 1], flags, &decoder].concat();
        [&[0, 0, 0, 0, ES, es.len() as u8], &es[..]].concat()
    }

    #[test]
    fn optional_fields_and_long_lengths_of_descriptors_are_skipped() {
        let decoder = [
            &[MPEG4_AUDIO][..],
            &[0; 12],
            &[DECODER_SPECIFIC, 2, 0x11, 0x90],
        ]
        .concat();
        for flags in [
            &[0][..],
            &[0x80, 0, 9],
            &[0x40, 2, b'x', b'y'],
            &[0x20, 0, 9],
        ] {
            assert_eq!(Config::read(&esds(flags, &decoder)).unwrap().codec, "40.2");
        }
    }

    #[test]
    fn other_object_types_are_named_by_their_number() {
        let mp3 = [&[0x6b][..], &[0; 12]].concat();
        let config = Config::read(&esds(&[0], &mp3)).unwrap();
        assert_eq!((config.codec.as_str(), config.channels), ("6b", None));
    }
}

//! Boxes written by hand.

/// A box.
pub(crate) fn b(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(body.len() + 8).expect("test data is small");
    [&len.to_be_bytes()[..], kind, &body].concat()
}

/// Words of 32 bits.
fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// What an init segment is made of.
#[derive(Clone, Copy)]
pub(crate) struct Init {
    pub(crate) video: bool,
    pub(crate) timescale: u32,
    pub(crate) size: (u16, u16),
    /// An edit list's media time.
    pub(crate) edit: Option<u32>,
    /// Tracks.
    pub(crate) tracks: u32,
}

pub(crate) fn init(of: Init) -> Vec<u8> {
    let tracks: Vec<u8> = (1..=of.tracks).flat_map(|id| trak(of, id)).collect();
    let trex = b(b"trex", &[&words(&[0, 1, 1, 0, 0, 0])]);
    let more = b(b"trex", &[&words(&[0, 2, 1, 0, 0, 0])]);
    let mvhd = b(b"mvhd", &[&words(&[0, 0, 0, 1000, 0]), &[0; 80]]);
    let moov = b(b"moov", &[&mvhd, &tracks, &b(b"mvex", &[&trex, &more])]);
    [b(b"ftyp", &[b"iso6\0\0\0\0cmfc"]), moov].concat()
}

fn trak(of: Init, id: u32) -> Vec<u8> {
    let (wide, high) = of.size;
    let size = words(&[u32::from(wide) << 16, u32::from(high) << 16]);
    let tkhd = b(b"tkhd", &[&words(&[7, 0, 0, id, 0, 0]), &[0; 52], &size]);
    let edts = of.edit.map_or(Vec::new(), |time| {
        b(
            b"edts",
            &[&b(b"elst", &[&words(&[0, 1, 0, time, 0x1_0000])])],
        )
    });
    let mdhd = b(b"mdhd", &[&words(&[0, 0, 0, of.timescale, 0, 0])]);
    let handler: &[u8; 4] = if of.video { b"vide" } else { b"soun" };
    let hdlr = b(b"hdlr", &[&words(&[0, 0]), handler, &[0; 13]]);
    let entry = if of.video { avc1(of.size) } else { mp4a() };
    let stsd = b(b"stsd", &[&words(&[0, 1]), &entry]);
    let minf = b(b"minf", &[&b(b"stbl", &[&stsd])]);
    b(
        b"trak",
        &[&tkhd, &edts, &b(b"mdia", &[&mdhd, &hdlr, &minf])],
    )
}

fn avc1((wide, high): (u16, u16)) -> Vec<u8> {
    let sps = sps(wide, high);
    let len = u16::try_from(sps.len())
        .expect("test data is small")
        .to_be_bytes();
    let config = [
        &[1, 66, 0xc0, 30, 0xff, 0xe1][..],
        &len,
        &sps,
        &[1, 0, 2, 0x68, 0xce],
    ]
    .concat();
    let size = [wide.to_be_bytes(), high.to_be_bytes()].concat();
    b(
        b"avc1",
        &[&[0; 24], &size, &[0; 50], &b(b"avcC", &[&config])],
    )
}

fn mp4a() -> Vec<u8> {
    let esds = [
        0, 0, 0, 0, 3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11,
        0x90, 6, 1, 2,
    ];
    let rate = 48_000_u16.to_be_bytes();
    b(
        b"mp4a",
        &[
            &[0; 17],
            &[2, 0, 16, 0, 0, 0, 0],
            &rate,
            &[0, 0],
            &b(b"esds", &[&esds]),
        ],
    )
}

/// An SPS of the baseline profile for a size in whole macroblocks.
fn sps(wide: u16, high: u16) -> Vec<u8> {
    // Its id, frame numbers of 4 bits, order type 2, one reference, no gaps; the size;
    // frames only, direct inference, no cropping, no VUI, and the stop bit.
    let mut bits = [0, 0, 2, 1].map(ue).concat() + "0";
    bits += &[wide / 16 - 1, high / 16 - 1].map(ue).concat();
    bits += "11001";
    while !bits.len().is_multiple_of(8) {
        bits += "0";
    }
    let payload = bits
        .as_bytes()
        .chunks(8)
        .map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0')));
    [0x67, 66, 0xc0, 30].into_iter().chain(payload).collect()
}

/// Exp-Golomb.
fn ue(value: u16) -> String {
    let code = format!("{:b}", value + 1);
    format!("{}{code}", "0".repeat(code.len() - 1))
}

/// What a media segment is made of.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) start: u32,
    /// Samples and what each lasts.
    pub(crate) samples: (u32, u32),
    /// Bytes of each sample.
    pub(crate) len: usize,
    /// First byte of the first NAL unit; other samples have 0x41.
    pub(crate) nal: u8,
    /// Composition offset of all samples.
    pub(crate) offset: u32,
}

pub(crate) fn segment(of: &Segment) -> Vec<u8> {
    let (count, each) = of.samples;
    let mut data = Vec::new();
    for at in 0..count {
        let nal = if at == 0 { of.nal } else { 0x41 };
        let len = u32::try_from(of.len - 4).expect("test data is small");
        data.extend([&len.to_be_bytes()[..], &[nal], &vec![0x5a; of.len - 5]].concat());
    }
    let tfhd = b(b"tfhd", &[&words(&[0x02_0000, 1])]);
    let tfdt = b(b"tfdt", &[&words(&[0, of.start])]);
    let len = u32::try_from(of.len).expect("test data is small");
    let samples: Vec<u32> = (0..count).flat_map(|_| [each, len, of.offset]).collect();
    // The offset of the data: moof, its header, mfhd and traf come before.
    let moof_len = 8 + 16 + 8 + tfhd.len() + tfdt.len() + 20 + samples.len() * 4;
    let head = [
        0x0100_0b01,
        count,
        u32::try_from(moof_len + 8).expect("test data is small"),
    ];
    let trun = b(b"trun", &[&words(&head), &words(&samples)]);
    let traf = b(b"traf", &[&tfhd, &tfdt, &trun]);
    let moof = b(b"moof", &[&b(b"mfhd", &[&words(&[0, 1])]), &traf]);
    assert_eq!(moof.len(), moof_len);
    [moof, b(b"mdat", &[&data])].concat()
}

//! Files that are made to harm: to reach elsewhere, or to cost more than they weigh.

use crate::{
    boxes::{boxed, find, ftyp, moov, numbers, patch, pcm_track},
    input::{End, FRAMES, Kitchen, SECS, clip},
    table::front,
};

const NO_MEDIA: &str = "not video or sound";

pub(crate) fn all(kitchen: &mut Kitchen<'_>) {
    disguised(kitchen);
    outside(kitchen);
    costly(kitchen);
    lying(kitchen);
}

/// Scripts that name other files and addresses, with the name of a video.
fn disguised(kitchen: &mut Kitchen<'_>) {
    let (at, secret) = (kitchen.canary, kitchen.path("secret"));
    std::fs::write(&secret, "secret").unwrap();
    let secret = secret.display();
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://{at}/a.ts\n#EXTINF:4,\n\
         file://{secret}\n#EXT-X-ENDLIST\n"
    );
    for name in ["playlist.mp4", "playlist.avi", "playlist.ts"] {
        kitchen.write(name, &playlist, End::Refused(NO_MEDIA));
    }
    // The known trick: a playlist within an AVI's first chunk.
    let avi = [b"RIFF\xff\xff\0\0AVI LIST\xff\xff\0\0", playlist.as_bytes()].concat();
    kitchen.write("playlist-in-riff.avi", avi, End::Refused(""));
    let concat = format!("ffconcat version 1.0\nfile '{secret}'\nfile 'http://{at}/b.mp4'\n");
    kitchen.write("concat.mp4", concat, End::Refused(NO_MEDIA));
    let mpd = format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT4S\"><Period><BaseURL>http://{at}/</BaseURL><AdaptationSet \
         mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>c.mp4</BaseURL>\
         </Representation></AdaptationSet></Period></MPD>"
    );
    kitchen.write("mpd.mp4", mpd, End::Refused(NO_MEDIA));
    let sdp = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n\
         m=video {} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        at.port()
    );
    kitchen.write("sdp.mp4", sdp, End::Refused(NO_MEDIA));
    let svg =
        format!("<svg xmlns='http://www.w3.org/2000/svg'><image href='http://{at}/d'/></svg>");
    kitchen.write("picture.svg", svg, End::Refused(NO_MEDIA));
}

/// Movies whose samples are in another file.
fn outside(kitchen: &mut Kitchen<'_>) {
    let url = format!("http://{}/media\0", kitchen.canary);
    let file = format!("file://{}\0", kitchen.path("secret").display());
    for (name, place) in [("url-reference.mov", url), ("file-reference.mov", file)] {
        let dref = boxed(b"url ", &[&[0; 4], place.as_bytes()]);
        // Beyond this file's own end: in the other one.
        let movie = [ftyp(), moov(&pcm_track(1, &dref, 1 << 20))].concat();
        kitchen.write(name, movie, End::Refused(""));
    }
}

fn costly(kitchen: &mut Kitchen<'_>) {
    let own = boxed(b"url ", &[&[0, 0, 0, 1]]);
    let tracks: Vec<u8> = (1..=10_000)
        .flat_map(|id| pcm_track(id, &own, 40))
        .collect();
    let movie = [ftyp(), moov(&tracks)].concat();
    kitchen.write("10000-streams.mp4", movie, End::Refused(""));
    let some: Vec<u8> = (1..=100).flat_map(|id| pcm_track(id, &own, 40)).collect();
    let sound = boxed(b"mdat", &[&[0; 16_000]]);
    let movie = [ftyp(), sound, moov(&some)].concat();
    kitchen.write("100-streams.mp4", movie, End::Refused("streams"));
    // The size in the sample entry, and in the picture's own header.
    kitchen.cook(
        "small.mov",
        "-f lavfi -i testsrc2=size=64x64 -frames:v 1 -c:v png",
    );
    let mut huge = kitchen.bytes("small.mov");
    let side = 16_384_u32.to_be_bytes();
    patch(&mut huge, b"IHDR", 0, &[side, side].concat());
    let header = find(&huge, b"IHDR");
    let sum = crc32(&huge[header - 4..header + 13]).to_be_bytes();
    patch(&mut huge, b"IHDR", 13, &sum);
    let entry = find(&huge, b"stsd") + 8 + 8 + 24;
    huge[entry..entry + 4].copy_from_slice(&[side[2], side[3], side[2], side[3]]);
    kitchen.write(
        "16384x16384.mov",
        huge,
        End::Refused("larger than 8192×8192"),
    );
    let deep = (0..5000).fold(vec![], |inner, _| boxed(b"moov", &[&inner]));
    kitchen.write("deep.mp4", [ftyp(), deep].concat(), End::Refused(""));
}

/// Files whose numbers are not true.
fn lying(kitchen: &mut Kitchen<'_>) {
    let most = u32::MAX.to_be_bytes();
    let mut late = front(kitchen);
    // The duration of every picture, in 15,360ths of a second: 38 hours.
    patch(&mut late, b"stts", 12, &0x7fff_ffff_u32.to_be_bytes());
    kitchen.write("late-pictures.mp4", late, End::Refused("h long"));
    let mut long = front(kitchen);
    // What the headers say of the whole: the tables know better.
    patch(&mut long, b"mvhd", 16, &most);
    patch(&mut long, b"mdhd", 16, &most);
    kitchen.write("days-long.mp4", long, End::Published(clip(FRAMES, SECS)));
    let mut many = front(kitchen);
    patch(&mut many, b"stsz", 8, &most);
    kitchen.write("sample-count.mp4", many, End::Refused(""));
    let mut chunks = front(kitchen);
    patch(&mut chunks, b"stco", 4, &most);
    kitchen.write("chunk-count.mp4", chunks, End::Refused(""));
    let far = [ftyp(), numbers(b"mdat", &[]), vec![0xff; 64]].concat();
    let sized = [&[0, 0, 0, 1][..], b"moov", &[0x7f; 8], &far].concat();
    kitchen.write("box-size.mp4", [ftyp(), sized].concat(), End::Refused(""));
}

/// PNG's checksum.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| (sum >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(sum & 1));
    let byte = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), bit);
    !bytes.iter().fold(u32::MAX, byte)
}

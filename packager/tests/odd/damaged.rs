//! Files that are cut short, damaged, or none.

use crate::{
    boxes::{boxed, find, ftyp, moov},
    input::{End, Expected, FRAMES, Kitchen, SECS},
    table::front,
};

/// What a file is called that no demuxer of the list knows.
const NO_MEDIA: &str = "not video or sound";

pub(crate) fn all(kitchen: &mut Kitchen<'_>) {
    none(kitchen);
    short(kitchen);
    hurt(kitchen);
}

fn none(kitchen: &mut Kitchen<'_>) {
    kitchen.write("empty.mp4", "", End::Refused("empty"));
    let text = "hello\nworld\n".repeat(100);
    kitchen.write("text.mp4", text, End::Refused(NO_MEDIA));
    // An archive of one stored file.
    let zip = [
        &b"PK\x03\x04\x14\0\0\0\0\0"[..],
        &[0; 400],
        b"PK\x05\x06",
        &[0; 18],
    ]
    .concat();
    kitchen.write("archive.mp4", zip, End::Refused(NO_MEDIA));
    let page = "<!DOCTYPE html><html><video src='http://example.com/x.mp4'></html>".repeat(20);
    kitchen.write("page.mp4", page, End::Refused(NO_MEDIA));
    let picture = kitchen.bytes("cover.png");
    kitchen.write("still.png", picture, End::Refused(NO_MEDIA));
    let args = "-f lavfi -i testsrc2=size=64x64 -frames:v 1";
    kitchen.make("still.jpg", args, End::Refused(NO_MEDIA));
    kitchen.write("head-alone.mp4", ftyp(), End::Refused("cut short"));
    let nothing = [ftyp(), moov(&[])].concat();
    kitchen.write("no-tracks.mp4", nothing, End::Refused(""));
    let zeros = vec![0; 100_000];
    kitchen.write("zeros.mp4", zeros, End::Refused(NO_MEDIA));
}

fn short(kitchen: &mut Kitchen<'_>) {
    let half = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let end = half(kitchen.bytes("plain.mp4"));
    kitchen.write("cut-index.mp4", end, End::Refused("cut short"));
    let rest = Expected::rest(20, SECS / 2.0);
    let data = half(front(kitchen));
    kitchen.write("cut-data.mp4", data, End::Warned(rest, "cut short"));
    // A stream without an end has no middle: what is there is all there is.
    for (name, whole) in [("cut.ts", "clip.ts"), ("cut.mkv", "clip.mkv")] {
        let bytes = half(kitchen.bytes(whole));
        kitchen.write(name, bytes, End::Salvaged(rest));
    }
}

fn hurt(kitchen: &mut Kitchen<'_>) {
    let most = End::Salvaged(Expected::rest(FRAMES / 3, SECS));
    let mut flipped = front(kitchen);
    let data = find(&flipped, b"mdat");
    // One bit in some 1,500 bytes, from the second picture on.
    (data + 8000..flipped.len())
        .step_by(1499)
        .for_each(|at| flipped[at] ^= 0x10);
    kitchen.write("flipped-bits.mp4", flipped, most.clone());
    let mut hole = front(kitchen);
    let (data, len) = (find(&hole, b"mdat"), hole.len());
    let middle = data + (len - data) / 2;
    hole[middle..middle + (len - data) / 10].fill(0);
    kitchen.write("hole.mp4", hole, most.clone());
    let mut packets = kitchen.bytes("clip.ts");
    let len = packets.len();
    packets[len / 2..len / 2 + 188 * 20 + 77].fill(0);
    kitchen.write("hole.ts", packets, most);
    let behind = [
        front(kitchen),
        boxed(b"free", &[&[0; 64]]),
        vec![0xff; 5000],
    ]
    .concat();
    let whole = End::Salvaged(Expected::rest(FRAMES, SECS));
    kitchen.write("rubbish-behind.mp4", behind, whole);
}

//! A storyboard's shape, read from its WebVTT.

use media::Storyboard;

/// `count` pictures of 10 s, 2 × 2 in a file.
fn vtt(count: u64) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for n in 0..count {
        let stamp = |n: u64| format!("00:{:02}:{:02}.000", n * 10 / 60, n * 10 % 60);
        let (x, y) = (n % 2 * 160, n / 2 % 2 * 90);
        let (from, to, image) = (stamp(n), stamp(n + 1), n / 4);
        text += &format!("\n{from} --> {to}\nstoryboard-{image}.jpg#xywh={x},{y},160,90\n");
    }
    text
}

#[test]
fn its_grid_files_and_time_are_read() {
    let expected = Storyboard {
        columns: 2,
        rows: 2,
        tile_width: 160,
        tile_height: 90,
        image_millis: 40_000,
        first: 0,
        images: 3,
        image_len_bytes: 0,
    };
    assert_eq!(Storyboard::from_vtt(&vtt(9)), Some(expected));
}

#[test]
fn another_shape_is_none() {
    for bad in [
        "WEBVTT\n".to_owned(),
        vtt(9).replace("storyboard-1", "storyboard-7"),
        vtt(9).replace("storyboard-1.jpg", "other.jpg"),
        vtt(9).replace("160,90", "0,0"),
        vtt(9).replace("#xywh=", "?"),
        vtt(1).replace("00:00:10.000", "00:00:00.000"),
        vtt(9).replace("160,90", "160"),
    ] {
        assert_eq!(Storyboard::from_vtt(&bad), None, "{bad}");
    }
}

//! Tiled pictures for the seek bar (DASH-IF IOP 4.3 §6.2.6).

use super::{Sets, descriptor};
use crate::{Storyboard, uri::folder, view::View};

/// The version's storyboard, where it has one.
pub(super) fn put(sets: &mut Sets<'_>, view: &View<'_>, version: &str) {
    let Some(board) = &view.p.storyboard else {
        return;
    };
    sets.open("image", "image/jpeg", Vec::new());
    let xml = &mut *sets.xml;
    let media = format!("{}storyboard-$Number$.jpg", folder(version));
    xml.empty(
        "SegmentTemplate",
        vec![
            ("timescale", "1000".into()),
            ("duration", board.image_millis.to_string()),
            ("startNumber", board.first.to_string()),
            ("media", media),
        ],
    );
    let side = |tiles: u32, pixels: u32| (u64::from(tiles) * u64::from(pixels)).to_string();
    xml.open(
        "Representation",
        vec![
            ("id", "storyboard".into()),
            ("bandwidth", bandwidth(board).to_string()),
            ("width", side(board.columns, board.tile_width)),
            ("height", side(board.rows, board.tile_height)),
        ],
    );
    let grid = format!("{}x{}", board.columns, board.rows);
    xml.empty(
        "EssentialProperty",
        descriptor("http://dashif.org/guidelines/thumbnail_tile", &grid),
    );
    xml.close();
    xml.close();
}

/// The largest file over its time, bits per second; at least 1.
fn bandwidth(board: &Storyboard) -> u64 {
    let bits = u128::from(board.image_len_bytes) * 8 * 1000;
    let rate = bits.div_ceil(u128::from(board.image_millis.max(1)));
    u64::try_from(rate).unwrap_or(u64::MAX).max(1)
}

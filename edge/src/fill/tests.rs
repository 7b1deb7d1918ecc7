use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::*;

const PIECE: usize = AHEAD_MAX as usize;

fn passing(window: u64) -> Arc<Fill> {
    let fill = Fill::new(window, 10, Position::default());
    fill.pass();
    fill
}

async fn piece(reader: &Reader) -> Option<Result<Bytes, FetchError>> {
    poll_fn(|cx| reader.poll_piece(cx)).await
}

/// Whether the fill has room without anyone reading meanwhile.
fn has_room(fill: &Fill) -> Option<bool> {
    let mut room = Box::pin(fill.room());
    match room.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(room) => Some(room),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_fill_that_keeps_nothing_waits_for_its_one_reader() {
    let fill = passing(u64::MAX);
    let reader = fill.join().unwrap();
    fill.grow(vec![Bytes::from(vec![1; PIECE]).into()]);
    assert_eq!(has_room(&fill), None);
    assert_eq!(piece(&reader).await.unwrap().unwrap().len(), PIECE);
    assert_eq!(has_room(&fill), Some(true));
    drop(reader);
    assert_eq!(has_room(&fill), Some(false));
}

#[tokio::test]
async fn what_all_have_read_of_such_a_fill_is_dropped() {
    let fill = passing(u64::MAX);
    let reader = fill.join().unwrap();
    for n in 0..100 {
        fill.grow(vec![Bytes::from(vec![n; PIECE]).into()]);
        assert_eq!(piece(&reader).await.unwrap().unwrap()[0], n);
        assert!(fill.pieces().len() <= 1);
    }
}

#[tokio::test]
async fn who_is_a_window_behind_is_cut_and_the_others_go_on() {
    let fill = passing(2 * AHEAD_MAX);
    let (slow, fast) = (fill.join().unwrap(), fill.join().unwrap());
    for _ in 0..4 {
        fill.grow(vec![Bytes::from(vec![1; PIECE]).into()]);
        assert!(piece(&fast).await.unwrap().is_ok());
    }
    let cut = piece(&slow).await.unwrap();
    assert!(matches!(cut, Err(FetchError::TooSlow)));
    fill.finish(Ok(()));
    assert!(piece(&fast).await.is_none());
}

#[tokio::test]
async fn the_first_end_counts() {
    let fill = Fill::new(1, 1, Position::default());
    let reader = fill.join().unwrap();
    fill.finish(Err(FetchError::Cut));
    fill.finish(Ok(()));
    assert!(matches!(reader.arrival().await, Err(FetchError::Cut)));
    assert!(matches!(piece(&reader).await, Some(Err(FetchError::Cut))));
}

#[tokio::test]
async fn what_is_kept_back_is_read_once_it_is_given_out() {
    let fill = Fill::new(1, 1, Position::default());
    let reader = fill.join().unwrap();
    let whole = Bytes::from_static(b"abcdef");
    fill.grow(vec![whole.slice(..2).into()]);
    fill.keep_back(vec![Growth {
        piece: whole.clone(),
        new: 4,
    }]);
    assert_eq!(piece(&reader).await.unwrap().unwrap(), whole[..2]);
    let mut next = Box::pin(piece(&reader));
    let pending = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
    fill.give_out();
    assert_eq!(next.await.unwrap().unwrap(), whole[2..]);
}

#[tokio::test]
async fn what_goes_on_from_a_piece_that_was_dropped_is_where_it_belongs() {
    let fill = passing(u64::MAX);
    let mut reader = fill.join().unwrap();
    reader.restrict(&(5..8));
    let whole = Bytes::from_static(b"abcdefgh");
    for (len, new) in [(2, 2), (4, 2), (8, 4)] {
        let piece = whole.slice(..len);
        fill.grow(vec![Growth { piece, new }]);
    }
    assert_eq!(piece(&reader).await.unwrap().unwrap(), whole[5..]);
    assert!(piece(&reader).await.is_none());
}

//! Many players at once.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{PlayError, Report, player::Player, report, url::Url};

/// Most players of one call. Chosen: each holds a connection, and 65,536 is all a host has.
pub const PLAYERS_MAX: u32 = 10_000;
/// How long a stream without a given end may take. Chosen: longer than films.
const LIMIT: Duration = Duration::from_secs(6 * 3600);
/// What a player may take beyond twice what it plays. Chosen.
const LIMIT_SLACK: Duration = Duration::from_secs(60);

/// What to play, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// A multivariant or media playlist, `http:`.
    pub url: String,
    /// How many players, 1 to [`PLAYERS_MAX`]. Default 1.
    pub players: u32,
    /// Seconds of media after which a player stops. Default: all of it.
    pub seconds: Option<f64>,
    /// Load as fast as it comes, without waiting for the picture: the buffer has no limit,
    /// and what is left in it at the end is not waited for. Stalls are those that a viewer
    /// with such a buffer would have seen. Default false.
    pub fast: bool,
    /// How far ahead of the picture a player loads. Default 30 s.
    pub buffer: Duration,
    /// Longest wait for a stream that is `not-yet-playable`. Default 60 s.
    pub wait: Duration,
    /// Longest wait for the next segment of a playlist that has no end yet. Default 60 s.
    pub stuck: Duration,
    /// Longest time for all. Default: twice `seconds` and what the waits above allow, or
    /// 6 hours.
    pub limit: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: String::new(),
            players: 1,
            seconds: None,
            fast: false,
            buffer: Duration::from_secs(30),
            wait: Duration::from_secs(60),
            stuck: Duration::from_secs(60),
            limit: None,
        }
    }
}

impl Options {
    fn checked(&self) -> Result<Url, PlayError> {
        if !(1..=PLAYERS_MAX).contains(&self.players) {
            return Err(PlayError::Options("players must be 1 to 10000"));
        }
        if self
            .seconds
            .is_some_and(|seconds| !(seconds > 0.0 && seconds < 1e9))
        {
            return Err(PlayError::Options("seconds must be more than 0"));
        }
        Url::parse(&self.url).map_err(|error| PlayError::Url(error.to_string()))
    }

    /// The bound of everything one player does.
    pub(crate) fn limit(&self) -> Duration {
        let of_seconds = |seconds: f64| {
            Duration::from_secs_f64(2.0 * seconds) + self.wait + self.stuck + LIMIT_SLACK
        };
        self.limit
            .unwrap_or_else(|| self.seconds.map_or(LIMIT, of_seconds))
    }
}

/// Plays a stream with all players at once. Whatever is wrong with the stream or its
/// server is in the report; every wait is bounded by `options`.
///
/// # Errors
/// [`PlayError`] if the options name nothing that can be played.
pub async fn play(options: Options) -> Result<Report, PlayError> {
    let url = options.checked()?;
    let options = Arc::new(options);
    let mut players = JoinSet::new();
    for _ in 0..options.players {
        let player = Player::new(url.clone(), options.clone());
        players.spawn(player.run());
    }
    let outcomes = players.join_all().await;
    Ok(report::sum(&url, outcomes))
}

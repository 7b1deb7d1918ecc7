//! One virtual player.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    Options,
    abr::Throughput,
    error::Fault,
    lane::{Lane, Step},
    playback::Playback,
    playlist::{Entry, Multivariant, Variant, entry},
    rendition::Rendition,
    session::{Session, Tally, What},
    url::Url,
};

/// How far picture and sound may disagree about second 0. Chosen: lip sync is lost.
const APART_MAX: f64 = 0.1;
/// Shortest sleep while a full buffer empties, seconds. Chosen: no busy loop.
const NAP: f64 = 0.02;

/// What a player has seen in the end.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) fault: Option<Fault>,
    pub(crate) tally: Tally,
    /// From the entry document's request to the first picture, seconds.
    pub(crate) startup: Option<f64>,
    pub(crate) stalls: (u32, f64),
    /// Seconds of media that were played, or loaded if `fast`.
    pub(crate) played: f64,
    pub(crate) switches: u32,
    /// Seconds of media loaded, by variant.
    pub(crate) variants: BTreeMap<String, f64>,
}

/// One viewer.
#[derive(Debug)]
pub(crate) struct Player {
    url: Url,
    options: Arc<Options>,
    session: Session,
    throughput: Throughput,
    /// When the request for the entry document was sent that was answered.
    opened: Instant,
    start: f64,
    screen: Playback,
    switches: u32,
    variants: BTreeMap<String, f64>,
}

/// What is being played.
struct Stream {
    variants: Vec<Variant>,
    current: usize,
    /// The picture, or all there is; then the sound, if that is apart.
    lanes: Vec<Lane>,
    /// Where to stop, seconds.
    stop: f64,
}

impl Player {
    pub(crate) fn new(url: Url, options: Arc<Options>) -> Self {
        Self {
            url,
            session: Session::new(options.clone()),
            options,
            throughput: Throughput::default(),
            opened: Instant::now(),
            start: 0.0,
            screen: Playback::new(0.0),
            switches: 0,
            variants: BTreeMap::new(),
        }
    }

    /// Plays to the end, to the first fault, or until the time is over.
    pub(crate) async fn run(mut self) -> Outcome {
        let limit = self.options.limit();
        let fault = match timeout(limit, self.play()).await {
            Ok(played) => played.err(),
            Err(_) => Some(Fault::Overdue(limit)),
        };
        self.screen.advance(self.now());
        let end = self.screen.position()
            + if self.options.fast {
                self.screen.ahead()
            } else {
                0.0
            };
        Outcome {
            fault,
            tally: self.session.tally,
            startup: self.screen.startup(),
            stalls: self.screen.stalls(),
            played: end - self.start,
            switches: self.switches,
            variants: self.variants,
        }
    }

    async fn play(&mut self) -> Result<(), Fault> {
        let mut stream = self.open().await?;
        while stream.lanes.iter().any(|lane| !lane.is_over(stream.stop)) {
            self.screen.advance(self.now());
            match self.next_lane(&stream) {
                Ok(at) => self.step(&mut stream, at).await?,
                Err(until) => sleep_until(until).await,
            }
        }
        if !self.options.fast {
            sleep(Duration::from_secs_f64(self.screen.ahead().max(0.0))).await;
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<Stream, Fault> {
        let fetched = self.session.get(What::Playlist, &self.url).await?;
        self.opened = fetched.sent;
        let Multivariant { variants, start } = match entry(&fetched.url, &fetched.body)? {
            Entry::Multivariant(multivariant) => multivariant,
            Entry::Media => alone(fetched.url),
        };
        let current = self.throughput.choose(&bandwidths(&variants), None);
        let main =
            Rendition::open(&mut self.session, &variants[current].url, &self.options).await?;
        let start = main.start.or(start).unwrap_or(0.0);
        let start = if start < 0.0 {
            main.end() + start
        } else {
            start
        };
        let mut lanes = vec![Lane::new(main, start.max(0.0))];
        self.start = lanes[0].end;
        self.screen = Playback::new(self.start);
        if let Some(audio) = variants[current].audio.clone() {
            let sound = Rendition::open(&mut self.session, &audio, &self.options).await?;
            lanes.push(Lane::new(sound, self.start));
        }
        let stop = self
            .options
            .seconds
            .map_or(f64::INFINITY, |seconds| self.start + seconds);
        Ok(Stream {
            variants,
            current,
            lanes,
            stop,
        })
    }

    /// Of the lanes that can go on now the one that is behind; else when one can.
    fn next_lane(&self, stream: &Stream) -> Result<usize, Instant> {
        let now = Instant::now();
        let open = stream
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| !lane.is_over(stream.stop));
        let timed: Vec<_> = open
            .map(|(at, lane)| (at, lane.end, self.ready_at(lane, now)))
            .collect();
        let ready = timed.iter().filter(|(_, _, ready)| *ready <= now);
        match ready.min_by(|a, b| a.1.total_cmp(&b.1)) {
            Some(&(at, ..)) => Ok(at),
            None => Err(timed
                .iter()
                .map(|&(_, _, ready)| ready)
                .min()
                .unwrap_or(now)),
        }
    }

    fn ready_at(&self, lane: &Lane, now: Instant) -> Instant {
        let too_far = lane.end - self.screen.position() - self.options.buffer.as_secs_f64();
        let room = if self.options.fast || too_far <= 0.0 {
            now
        } else {
            now + Duration::from_secs_f64(too_far.max(NAP))
        };
        lane.ready_at().map_or(room, |reload| reload.max(room))
    }

    async fn step(&mut self, stream: &mut Stream, at: usize) -> Result<(), Fault> {
        if at == 0 {
            self.adapt(stream).await?;
        }
        let step = stream.lanes[at]
            .step(&mut self.session, &self.options)
            .await?;
        if let Step::Loaded { seconds, len, took } = step {
            self.throughput.sample(len, took);
            if at == 0 {
                let name = stream.variants[stream.current].name.clone();
                *self.variants.entry(name).or_default() += seconds;
            }
        }
        apart(&stream.lanes)?;
        let (loaded, whole) = stream.loaded();
        self.screen.load(self.now(), loaded, whole);
        Ok(())
    }

    async fn adapt(&mut self, stream: &mut Stream) -> Result<(), Fault> {
        let wanted = self
            .throughput
            .choose(&bandwidths(&stream.variants), Some(stream.current));
        if wanted == stream.current {
            return Ok(());
        }
        let url = &stream.variants[wanted].url;
        if stream.lanes[0]
            .switch(&mut self.session, &self.options, url)
            .await?
        {
            stream.current = wanted;
            self.switches += 1;
        }
        Ok(())
    }

    /// Seconds since the entry document was asked for.
    fn now(&self) -> f64 {
        self.opened.elapsed().as_secs_f64()
    }
}

impl Stream {
    /// Up to where everything is loaded, and whether that is the end.
    fn loaded(&self) -> (f64, bool) {
        let open = self.lanes.iter().filter(|lane| !lane.is_over(self.stop));
        let least = open.map(|lane| lane.end).reduce(f64::min);
        let most = self.lanes.iter().map(|lane| lane.end).fold(0.0, f64::max);
        (least.unwrap_or(most).min(self.stop), least.is_none())
    }
}

fn bandwidths(variants: &[Variant]) -> Vec<u64> {
    variants.iter().map(|variant| variant.bandwidth).collect()
}

/// A media playlist without a multivariant one.
fn alone(url: Url) -> Multivariant {
    let variant = Variant {
        url,
        bandwidth: 0,
        name: "only".to_owned(),
        audio: None,
    };
    Multivariant {
        variants: vec![variant],
        start: None,
    }
}

fn apart(lanes: &[Lane]) -> Result<(), Fault> {
    let zeros: Vec<f64> = lanes.iter().filter_map(Lane::zero).collect();
    match zeros[..] {
        [picture, sound] if (picture - sound).abs() > APART_MAX => {
            Err(Fault::Apart((picture - sound).abs()))
        }
        _ => Ok(()),
    }
}

//! What a viewer would see: a buffer that fills by segments and plays in real time.
//! Times are seconds; the clock is an argument.

/// Where playing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Playing,
    Stalled,
    Ended,
}

/// One viewer's screen.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    state: State,
    /// Time of the last change.
    clock: f64,
    /// Where in the presentation the picture is.
    position: f64,
    /// Up to where all tracks are loaded.
    buffered: f64,
    /// Nothing more will come.
    whole: bool,
    startup: Option<f64>,
    stalls: u32,
    stalled: f64,
}

impl Playback {
    /// Will begin at `position`.
    pub(crate) fn new(position: f64) -> Self {
        Self {
            state: State::Starting,
            clock: 0.0,
            position,
            buffered: position,
            whole: false,
            startup: None,
            stalls: 0,
            stalled: 0.0,
        }
    }

    /// At `now`, all tracks are loaded up to `buffered`; that is the end if `whole`.
    /// One segment of each track is enough to start, or to go on.
    pub(crate) fn load(&mut self, now: f64, buffered: f64, whole: bool) {
        self.advance(now);
        self.buffered = self.buffered.max(buffered);
        self.whole = whole;
        let ready = self.buffered > self.position;
        match self.state {
            State::Starting if ready => {
                self.startup = Some(now);
                self.state = State::Playing;
            }
            State::Stalled if ready => self.state = State::Playing,
            State::Starting | State::Stalled if whole => self.state = State::Ended,
            _ => {}
        }
    }

    /// Plays until `now`, or until the buffer is empty.
    pub(crate) fn advance(&mut self, now: f64) {
        let passed = (now - self.clock).max(0.0);
        self.clock = self.clock.max(now);
        match self.state {
            State::Stalled => self.stalled += passed,
            State::Playing if passed < self.ahead() => self.position += passed,
            State::Playing => {
                let missing = passed - self.ahead();
                self.position = self.buffered;
                if self.whole {
                    self.state = State::Ended;
                } else {
                    self.state = State::Stalled;
                    self.stalls += 1;
                    self.stalled += missing;
                }
            }
            State::Starting | State::Ended => {}
        }
    }

    /// Seconds loaded and not yet played.
    pub(crate) fn ahead(&self) -> f64 {
        self.buffered - self.position
    }

    /// Where the picture is.
    pub(crate) fn position(&self) -> f64 {
        self.position
    }

    /// When the first picture came.
    pub(crate) fn startup(&self) -> Option<f64> {
        self.startup
    }

    /// How often it stood still after the start, and for how many seconds in all.
    pub(crate) fn stalls(&self) -> (u32, f64) {
        (self.stalls, self.stalled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_with_the_first_segment_and_plays_to_the_end() {
        let mut screen = Playback::new(0.0);
        screen.load(0.25, 4.0, false);
        screen.load(2.25, 8.0, true);
        assert_eq!(
            (screen.startup(), screen.position(), screen.ahead()),
            (Some(0.25), 2.0, 6.0)
        );
        screen.advance(60.0);
        assert_eq!((screen.position(), screen.stalls()), (8.0, (0, 0.0)));
    }

    #[test]
    fn an_empty_buffer_is_a_stall_until_the_next_segment() {
        let mut screen = Playback::new(0.0);
        screen.load(1.0, 2.0, false);
        screen.load(4.5, 4.0, false);
        assert_eq!((screen.stalls(), screen.position()), ((1, 1.5), 2.0));
        screen.advance(5.5);
        assert_eq!((screen.stalls(), screen.position()), ((1, 1.5), 3.0));
    }

    #[test]
    fn a_stall_counts_once_however_often_it_is_looked_at() {
        let mut screen = Playback::new(0.0);
        screen.load(0.0, 1.0, false);
        for now in [1.5, 2.0, 3.0] {
            screen.advance(now);
        }
        assert_eq!(screen.stalls(), (1, 2.0));
    }

    #[test]
    fn waiting_for_the_first_picture_is_no_stall() {
        let mut screen = Playback::new(10.0);
        screen.advance(5.0);
        assert_eq!((screen.stalls(), screen.startup()), ((0, 0.0), None));
        screen.load(6.0, 14.0, true);
        assert_eq!((screen.startup(), screen.position()), (Some(6.0), 10.0));
    }
}

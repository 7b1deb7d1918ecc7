use tokio::time::Instant;

/// The latest purges by one selector, by offset; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) hard: u64,
    pub(super) soft: u64,
    pub(super) soft_at: Option<Instant>,
}

/// What a purge makes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Alive,
    /// Stale since then.
    Stale(Instant),
    Dead,
}

impl Marks {
    pub(super) fn note(&mut self, offset: u64, soft: Option<Instant>) {
        match soft {
            Some(at) => (self.soft, self.soft_at) = (offset, Some(at)),
            None => self.hard = offset,
        }
    }

    /// Takes in what is in force as well.
    pub(super) fn join(&mut self, other: &Self) {
        self.hard = self.hard.max(other.hard);
        if other.soft > self.soft {
            (self.soft, self.soft_at) = (other.soft, other.soft_at);
        }
    }

    /// What became of an object whose bytes were asked for when `offset` was in force.
    pub(super) fn judge(&self, offset: u64) -> Judgement {
        match self.soft_at {
            _ if offset < self.hard => Judgement::Dead,
            Some(at) if offset < self.soft => Judgement::Stale(at),
            _ => Judgement::Alive,
        }
    }
}

impl Judgement {
    pub(super) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dead, _) | (_, Self::Dead) => Self::Dead,
            (Self::Stale(a), Self::Stale(b)) => Self::Stale(a.min(b)),
            (Self::Stale(at), Self::Alive) | (Self::Alive, Self::Stale(at)) => Self::Stale(at),
            (Self::Alive, Self::Alive) => Self::Alive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_purges_the_one_that_takes_more_counts() {
        let (early, late) = (Instant::now(), Instant::now());
        let (stale, staler) = (Judgement::Stale(late), Judgement::Stale(early));
        for (a, b, worse) in [
            (Judgement::Alive, Judgement::Alive, Judgement::Alive),
            (Judgement::Alive, stale, stale),
            (stale, staler, staler),
            (stale, Judgement::Dead, Judgement::Dead),
        ] {
            assert_eq!((a.worse(b), b.worse(a)), (worse, worse));
        }
    }

    #[test]
    fn joined_marks_judge_as_both_do() {
        let at = Instant::now();
        let (mut hard, mut soft) = (Marks::default(), Marks::default());
        hard.note(3, None);
        soft.note(5, Some(at));
        hard.join(&soft);
        hard.join(&Marks::default());
        for (offset, judged) in [
            (2, Judgement::Dead),
            (4, Judgement::Stale(at)),
            (5, Judgement::Alive),
        ] {
            assert_eq!(hard.judge(offset), judged, "{offset}");
        }
    }
}

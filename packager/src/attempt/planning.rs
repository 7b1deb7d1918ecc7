//! What a source is, and the plan that is made of it.

use wire::{AddedSound, Completion, Stage};

use super::Attempt;
use crate::{
    PackagerError,
    copy::{self, Copyable, Verdict},
    plan::{self, Facts, Tools},
    probe,
    probe::timeline::{Timeline, average},
};

impl Attempt<'_> {
    pub(super) async fn make_plan(&self) -> Result<Completion, PackagerError> {
        self.progress.set(Stage::Download, 0.0, None);
        if let Some(added) = self.addition {
            return self.plan_sound(added).await;
        }
        let copy = copy::look(&self.input, self.settings).await?;
        let looked = match &copy {
            Verdict::Copy(found) if !found.is_torn() => self.look_at_outline(found).await?,
            _ => None,
        };
        let (source, line) = match looked {
            Some(looked) => looked,
            None => self.look_at_all().await?,
        };
        tracing::info!(?source, "probed");
        // A file's tables of times may be longer than its headers say; one picture, too.
        let frame = source.video.as_ref().map(|video| video.timing.frame_secs());
        for secs in line.iter().map(Timeline::played_secs).chain(frame) {
            probe::check_duration(self.config, secs)?;
        }
        let tools = self.tools();
        let facts = Facts {
            source: &source,
            line: line.as_ref(),
            copy,
        };
        let plan = plan::plan(facts, self.settings, &tools)?;
        self.outlet.put_plan(&plan).await?;
        Ok(Completion::default())
    }

    /// Plans sound for a version that is sealed.
    pub(super) async fn plan_sound(&self, added: &AddedSound) -> Result<Completion, PackagerError> {
        let file = self.source.file(self.config, self.progress).await?;
        self.progress.set(Stage::Probe, 0.0, None);
        let source = probe::probe(self.config, &file).await?;
        tracing::info!(?source, "probed");
        let lasts_secs = match source.audio.first() {
            Some(audio) => probe::measure(self.config, &file, audio.index).await?,
            None => 0.0,
        };
        let heard = plan::Heard {
            source: &source,
            lasts_secs,
            has_times: !self.source.is_remuxed(&file),
        };
        let plan = plan::addition(&heard, added, self.settings, &self.tools())?;
        self.outlet.put_plan(&plan).await?;
        Ok(Completion::default())
    }

    fn tools(&self) -> Tools<'_> {
        Tools {
            config: self.config,
            toolchain: self.toolchain,
            codecs: self.codecs,
        }
    }

    /// What a source is whose streams can be copied, without reading all of it. `None`
    /// where that does not suffice.
    async fn look_at_outline(
        &self,
        found: &Copyable,
    ) -> Result<Option<(probe::Source, Option<Timeline>)>, PackagerError> {
        let file = self
            .source
            .outline((self.config, self.progress), &found.outline)
            .await?;
        self.progress.set(Stage::Probe, 0.0, None);
        match probe::probe_copyable(self.config, &file).await {
            Ok(source) => Ok(Some((source, Some(found.line.clone())))),
            Err(PackagerError::Source(reason)) => {
                tracing::debug!(reason, "the outline says too little");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What a source is, from all of it.
    async fn look_at_all(&self) -> Result<(probe::Source, Option<Timeline>), PackagerError> {
        let config = self.config;
        let file = self.source.file(config, self.progress).await?;
        self.progress.set(Stage::Probe, 0.0, None);
        let mut source = probe::probe(config, &file).await?;
        let splits = plan::splits(&source);
        let Some(video) = source.video.as_mut() else {
            return Ok((source, None));
        };
        if !splits && !video.timing.varies() {
            return Ok((source, None));
        }
        let index = probe::index(config, &file, video).await?;
        let line = Timeline::new(&index, source.zero_secs);
        if splits {
            return Ok((source, line));
        }
        // All that it is good for where no span can be found.
        if let Some(line) = line {
            // Also those without a time, or with that of another.
            let all = index.packets.len() + index.untimed;
            video.timing = video.timing.averaging(average(all, line.played_secs()));
        }
        Ok((source, None))
    }
}

//! Packaging without a server.

use packager::{Config, Packaged, PackagerError, Packaging};
use wire::{Codec, PackageSettings, RateControl};

use super::{Clip, Published, config};

/// What [`packager::package`] makes of a file.
pub(crate) struct Packager {
    pub(crate) config: Config,
    pub(crate) ladder: Vec<u32>,
    pub(crate) workers: usize,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) copy: bool,
    pub(crate) per_title: bool,
    pub(crate) rate_control: RateControl,
}

impl Packager {
    /// Quick, with the B-frames that a user's have.
    pub(crate) fn new(ladder: &[u32]) -> Self {
        let mut config = config(String::new(), std::env::temp_dir());
        config.preset = "veryfast".to_owned();
        Self {
            config,
            ladder: ladder.to_vec(),
            workers: 2,
            codecs: vec![Codec::H264],
            copy: false,
            per_title: false,
            rate_control: RateControl::Crf,
        }
    }

    pub(crate) async fn write(
        &self,
        (clip, out): (&Clip, &std::path::Path),
        tell: impl Fn(packager::Far),
    ) -> Result<Packaged, PackagerError> {
        let packaging = Packaging {
            settings: PackageSettings {
                ladder: self.ladder.clone(),
                copy: self.copy,
                codecs: self.codecs.clone(),
                per_title: self.per_title,
                rate_control: self.rate_control,
                ..PackageSettings::default()
            },
            workers: self.workers,
            protection: None,
            hls_copy: None,
        };
        packager::package(&self.config, (&clip.path(), out), &packaging, tell).await
    }

    pub(crate) async fn run(&self, clip: &Clip) -> (Packaged, Published) {
        let out = tempfile::tempdir().unwrap();
        let packaged = self.write((clip, out.path()), |_| {}).await.unwrap();
        (packaged, Published::in_folder(out.path()))
    }

    /// Packages it, expecting no warning.
    pub(crate) async fn publish(&self, clip: &Clip) -> Published {
        let (packaged, published) = self.run(clip).await;
        assert_eq!(packaged.warnings, Vec::<String>::new());
        published
    }
}

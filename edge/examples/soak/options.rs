//! The command line.

use std::{path::PathBuf, time::Duration};

const HELP: &str = "\
Mixed load with faults and kill -9 on a real `weir edge`.

Usage: soak [OPTIONS]
  --minutes N     how long [default: 60]
  --weir PROGRAM  [default: target/release/weir]
  --seed N        of all chance [default: 1]
  --rate N        requests a second; bounds the CPU time [default: 150]
  --clients N     at one time [default: 48]
  --ram SIZE      of the edge [default: 64MiB]
  --disk SIZE     of the edge, small enough to evict [default: 160MiB]
  --folder DIR    for settings, cache, logs and samples [default: below the temporary folder]
  --config TEXT   further lines of the edge's settings, TOML of [edge]";

pub(crate) struct Options {
    pub(crate) weir: PathBuf,
    pub(crate) minutes: f64,
    pub(crate) seed: u64,
    pub(crate) rate: f64,
    pub(crate) clients: u64,
    pub(crate) ram: String,
    pub(crate) disk: String,
    pub(crate) config: String,
    folder: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            weir: "target/release/weir".into(),
            minutes: 60.0,
            seed: 1,
            rate: 150.0,
            clients: 48,
            ram: "64MiB".to_owned(),
            disk: "160MiB".to_owned(),
            config: String::new(),
            folder: None,
        };
        while let Some(name) = arguments.next() {
            if name == "--help" || name == "-h" {
                return Err(HELP.to_owned());
            }
            let value = arguments.next();
            let value = value.ok_or_else(|| format!("{name} wants a value\n\n{HELP}"))?;
            options.put(&name, value)?;
        }
        if !options.weir.exists() {
            let weir = options.weir.display();
            return Err(format!(
                "no {weir}; `cargo build --release -p cli` makes it"
            ));
        }
        Ok(options)
    }

    fn put(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "--minutes" => self.minutes = number(name, &value)?,
            "--weir" => self.weir = value.into(),
            "--seed" => self.seed = number(name, &value)?,
            "--rate" => self.rate = number(name, &value)?,
            "--clients" => self.clients = number(name, &value)?,
            "--ram" => self.ram = value,
            "--disk" => self.disk = value,
            "--folder" => self.folder = Some(value.into()),
            "--config" => self.config = value,
            _ => return Err(format!("no option {name}\n\n{HELP}")),
        }
        Ok(())
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }

    /// Made, and empty.
    pub(crate) fn folder(&self) -> PathBuf {
        let name = format!("weir-soak-{}", std::process::id());
        let folder = self.folder.clone();
        let folder = folder.unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let cache = folder.join("cache");
        if cache.exists() {
            std::fs::remove_dir_all(cache).expect("an old cache can be removed");
        }
        folder
    }
}

fn number<T: std::str::FromStr + PartialOrd + Default>(
    name: &str,
    text: &str,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number > T::default());
    number.ok_or_else(|| format!("{name} {text}: not a number above 0"))
}

//! `weir doctor`: has this machine what Weir needs?

use std::{
    net::{Ipv4Addr, TcpListener},
    time::{Duration, SystemTime},
};

use http::Method;

use crate::{
    args::DoctorArgs,
    client::Client,
    config::Config,
    exit::{Exit, error},
};

/// Free disk below which an hour of 1080p would not fit. Chosen.
const DISK_MIN: u64 = 10 << 30;

/// Open files below which a few thousand viewers would not fit. Chosen.
const FILES_MIN: u64 = 4096;

/// Clocks further apart than this make keys fail.
const CLOCK_APART_MAX: Duration = Duration::from_secs(5);

/// What was looked at, and what is wrong with it.
type Finding = (&'static str, Result<String, String>);

pub(super) async fn run(config: &Config, args: DoctorArgs) -> anyhow::Result<()> {
    let mut findings = vec![ffmpeg(config).await, jail(config), disk(&args), files()];
    findings.extend(args.ports.iter().map(|port| free_port(*port)));
    findings.push(clock(args.origin.as_deref()).await);
    let mut lacking = 0;
    for (name, finding) in findings {
        match finding {
            Ok(good) => println!("ok    {name:8} {good}"),
            Err(fault) => {
                lacking += 1;
                println!("FAULT {name:8} {fault}");
            }
        }
    }
    match lacking {
        0 => Ok(()),
        n => Err(error(
            Exit::Lacking,
            format!("{n} faults: each line says what to do"),
        )),
    }
}

async fn ffmpeg(config: &Config) -> Finding {
    let program = config.worker.ffmpeg.display();
    let finding = match packager::check(&config.worker).await {
        Err(fault) => {
            let fault = anyhow::Error::new(fault);
            Err(format!("{program}: {fault:#}; apt-get install ffmpeg"))
        }
        Ok(tool) if tool.x264.is_none() => {
            Err(format!("{program} {} has no libx264", tool.version))
        }
        Ok(tool) if !tool.aac => Err(format!("{program} {} has no aac", tool.version)),
        Ok(tool) => {
            let wanted = config.origin.codecs.iter();
            let lacking: Vec<_> = wanted.filter(|c| !tool.codecs().contains(c)).collect();
            match lacking.first() {
                Some(codec) => Err(format!(
                    "{program} {} has no encoder of {codec}, which origin.codecs names",
                    tool.version
                )),
                None => Ok(format!("{}, with aac", tool.toolchain())),
            }
        }
    };
    ("ffmpeg", finding)
}

fn jail(config: &Config) -> Finding {
    ("jail", super::jail::state(&config.worker))
}

fn disk(args: &DoctorArgs) -> Finding {
    let folder = args.data_dir.display();
    let finding = match rustix::fs::statvfs(&args.data_dir) {
        Err(fault) => Err(format!(
            "{folder}: {fault}; --data-dir names another folder"
        )),
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let text = format!("{} free at {folder}", bytesize::ByteSize(free));
            if free >= DISK_MIN {
                Ok(text)
            } else {
                Err(format!("only {text}; make room"))
            }
        }
    };
    ("disk", finding)
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let finding = match limit.current {
        Some(files) if files < FILES_MIN => Err(format!(
            "{files} open files allowed; ulimit -n {FILES_MIN} allows more"
        )),
        Some(files) => Ok(format!("{files} open files allowed")),
        None => Ok("any number of open files allowed".to_owned()),
    };
    ("files", finding)
}

fn free_port(port: u16) -> Finding {
    let finding = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(format!("{port} is free")),
        Err(fault) => Err(format!("{port}: {fault}; the flags --…-port name others")),
    };
    ("port", finding)
}

async fn clock(origin: Option<&str>) -> Finding {
    let now = SystemTime::now();
    let text = humantime::format_rfc3339_seconds(now).to_string();
    let Some(origin) = origin else {
        return (
            "clock",
            Ok(format!("{text}; --origin compares it with an origin's")),
        );
    };
    let finding = match origins_time(origin).await {
        Err(fault) => Err(format!("{fault:#}")),
        Ok(theirs) => {
            let apart = theirs
                .duration_since(now)
                .unwrap_or_else(|fault| fault.duration());
            if apart <= CLOCK_APART_MAX {
                Ok(format!("{text}, as the origin's"))
            } else {
                Err(format!(
                    "{} s off the origin's; run an NTP client",
                    apart.as_secs()
                ))
            }
        }
    };
    ("clock", finding)
}

async fn origins_time(origin: &str) -> anyhow::Result<SystemTime> {
    let client = Client::new(origin, None)?;
    let answer = client
        .send(Method::GET, "/healthz", &[], bytes::Bytes::new())
        .await?;
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok());
    Ok(httpdate::parse_http_date(date.unwrap_or_default())?)
}

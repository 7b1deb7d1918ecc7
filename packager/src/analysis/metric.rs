//! What quality is measured by: filters of ffmpeg that hold pictures against others.

use serde::{Deserialize, Serialize};

/// What SSIM lacks to 1 is not told apart below this.
const LACK_MIN: f64 = 1e-6;
/// XPSNR of equal pictures, which is infinite, decibels.
const XPSNR_MAX: f64 = 100.0;

/// What quality is measured by. All of them count luma, each picture once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Structural similarity, 0 to 1; any ffmpeg has it.
    #[default]
    Ssim,
    /// Extended perceptually weighted PSNR, decibels; from ffmpeg 7.1 on.
    Xpsnr,
    /// Video multi-method assessment fusion, 0 to 100; where ffmpeg has libvmaf.
    Vmaf,
}

impl Metric {
    /// As in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssim => "ssim",
            Self::Xpsnr => "xpsnr",
            Self::Vmaf => "vmaf",
        }
    }

    /// What can be aimed at, from the least up.
    #[must_use]
    pub fn targets(self) -> (f64, f64) {
        match self {
            Self::Ssim => (0.8, 0.999),
            Self::Xpsnr => (25.0, 60.0),
            Self::Vmaf => (50.0, 99.0),
        }
    }

    /// The filter that tells of each picture at a descriptor.
    pub(super) fn filter(self, pipe: i32) -> String {
        let told = |name, key| {
            format!("{name}=shortest=1,metadata=mode=print:key={key}:file=pipe\\\\:{pipe}")
        };
        match self {
            Self::Ssim => told("ssim", SSIM_KEY),
            Self::Xpsnr => told("xpsnr", XPSNR_KEY),
            Self::Vmaf => {
                format!("libvmaf=shortest=1:n_threads=1:log_fmt=csv:log_path=/proc/self/fd/{pipe}")
            }
        }
    }

    /// Sum and count of what the filter told.
    pub(super) fn read(self, answer: &[u8]) -> (f64, u32) {
        let text = String::from_utf8_lossy(answer);
        let values: Vec<f64> = match self {
            Self::Ssim => keyed(&text, SSIM_KEY),
            Self::Xpsnr => keyed(&text, XPSNR_KEY),
            Self::Vmaf => column(&text, "vmaf"),
        };
        let values = values.into_iter().filter(|value| !value.is_nan());
        values.fold((0.0, 0), |(sum, count), value| {
            (sum + value.min(XPSNR_MAX), count + 1)
        })
    }

    /// The least that a single sample may have where a quality is aimed at: SSIM may lack
    /// twice as much, XPSNR 3 dB, and VMAF 6, which half of all viewers see. Chosen.
    pub(super) fn floor(self, target: f64) -> f64 {
        let less = match self {
            Self::Ssim => std::f64::consts::LN_2,
            Self::Xpsnr => 3.0,
            Self::Vmaf => 6.0,
        };
        self.quality(self.straight(target) - less)
    }

    /// On what scale quality falls straight with the rate factor: that of decibels.
    pub(super) fn straight(self, quality: f64) -> f64 {
        match self {
            Self::Ssim => -(1.0 - quality).max(LACK_MIN).ln(),
            Self::Xpsnr | Self::Vmaf => quality,
        }
    }

    /// Back from there.
    pub(super) fn quality(self, straight: f64) -> f64 {
        match self {
            Self::Ssim => 1.0 - (-straight).exp(),
            Self::Xpsnr | Self::Vmaf => straight,
        }
    }

    /// As people read it.
    pub(super) fn rounded(self, quality: f64) -> f64 {
        let steps = match self {
            Self::Ssim => 1e4,
            Self::Xpsnr | Self::Vmaf => 1e2,
        };
        (quality * steps).round() / steps
    }
}

/// The names that ffmpeg writes them by.
const SSIM_KEY: &str = "lavfi.ssim.Y";
const XPSNR_KEY: &str = "lavfi.xpsnr.xpsnr.y";

/// The values of a key, as the filter `metadata` prints them.
fn keyed(text: &str, key: &str) -> Vec<f64> {
    let value = |line: &str| {
        line.strip_prefix(key)?
            .strip_prefix('=')?
            .trim()
            .parse()
            .ok()
    };
    text.lines().filter_map(value).collect()
}

/// A column of comma-separated values.
fn column(text: &str, name: &str) -> Vec<f64> {
    let mut lines = text.lines();
    let mut names = lines.next().unwrap_or_default().split(',');
    let Some(at) = names.position(|column| column == name) else {
        return Vec::new();
    };
    let value = |line: &str| line.split(',').nth(at)?.parse().ok();
    lines.filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close((sum, count): (f64, u32), wanted: (f64, u32)) {
        assert_eq!(count, wanted.1);
        assert!((sum - wanted.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn each_picture_is_counted_once() {
        let answer = b"frame:0    pts:0       pts_time:0\nlavfi.ssim.Y=0.993569\n\
            frame:1    pts:1       pts_time:0.001\nlavfi.ssim.Y=0.994228\nlavfi.ssim.All=0.5\n";
        close(Metric::Ssim.read(answer), (1.987797, 2));
        let answer = b"lavfi.xpsnr.xpsnr.y=inf\nlavfi.xpsnr.xpsnr.y=40.8\nlavfi.xpsnr.xpsnr.u=1\n";
        close(Metric::Xpsnr.read(answer), (140.8, 2));
        let answer = b"Frame,integer_adm2,vmaf,\n0,0.99,93.887994,\n1,0.98,100.000000,\n";
        close(Metric::Vmaf.read(answer), (193.887994, 2));
        for metric in [Metric::Ssim, Metric::Xpsnr, Metric::Vmaf] {
            close(metric.read(b"lavfi.ssim.Y=nan\nnothing"), (0.0, 0));
        }
    }

    #[test]
    fn a_quality_is_itself_after_the_way_to_its_scale_and_back() {
        for (metric, quality) in [
            (Metric::Ssim, 0.97),
            (Metric::Xpsnr, 41.5),
            (Metric::Vmaf, 93.0),
        ] {
            let back = metric.quality(metric.straight(quality));
            assert!((back - quality).abs() < 1e-9, "{metric:?}");
        }
    }
}

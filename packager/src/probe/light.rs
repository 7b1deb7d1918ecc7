//! What HDR10 says besides its pictures: of the screen that it was made on (SMPTE ST 2086)
//! and of how bright it becomes (CTA-861.3).

use media::bmff::FourCc;
use serde::{Deserialize, Serialize};

use crate::{
    PackagerError,
    probe::{ffprobe::Ffprobe, report::Stream},
};

/// What is asked of side data, by ffprobe's names.
pub(super) const ENTRIES: &str = "red_x,red_y,green_x,green_y,blue_x,blue_y,\
    white_point_x,white_point_y,min_luminance,max_luminance,max_content,max_average";

/// How much is decoded to find it. Chosen: a stream may start before a keyframe.
const PACKETS: &str = "%+#8";

/// Steps of a chromaticity in 1, and of a luminance in a candela per square metre.
const CHROMA_STEPS: f64 = 50_000.0;
const LIGHT_STEPS: f64 = 10_000.0;

/// What is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Light {
    /// The screen.
    pub(crate) screen: Option<Screen>,
    /// The brightest pixel, and the brightest picture on average, cd/m².
    pub(crate) levels: Option<(u16, u16)>,
}

/// A mastering display, in the units of ST 2086.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Screen {
    /// Green, blue, red and white: x and y, steps of 0.00002.
    colours: [(u16, u16); 4],
    /// Brightest and darkest, steps of 0.0001 cd/m².
    luminance: (u32, u32),
}

/// Side data of a stream or a frame, as ffprobe says it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct SideLight {
    red_x: String,
    red_y: String,
    green_x: String,
    green_y: String,
    blue_x: String,
    blue_y: String,
    white_point_x: String,
    white_point_y: String,
    min_luminance: String,
    max_luminance: String,
    max_content: Option<u32>,
    max_average: Option<u32>,
}

/// `-show_entries frame_side_data=…`.
#[derive(Debug, Deserialize)]
struct Frames {
    #[serde(default)]
    frames: Vec<Frame>,
}

#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(default)]
    side_data_list: Vec<SideLight>,
}

impl Light {
    /// What the container says, or else the first pictures.
    pub(super) async fn look(
        ffprobe: &Ffprobe<'_>,
        stream: &Stream,
    ) -> Result<Option<Self>, PackagerError> {
        if let Some(light) = Self::of(stream.side_light()) {
            return Ok(Some(light));
        }
        let index = stream.index.to_string();
        let entries = format!("frame_side_data={ENTRIES}");
        let args = ["-select_streams", &index, "-show_entries", &entries];
        let first = ["-read_intervals", PACKETS];
        let report: Frames = ffprobe.ask(&[&args[..], &first].concat()).await?;
        let side = report.frames.iter().flat_map(|frame| &frame.side_data_list);
        Ok(Self::of(side))
    }

    /// What there is of it in side data; what makes no sense is none.
    fn of<'a>(mut side: impl Iterator<Item = &'a SideLight> + Clone) -> Option<Self> {
        let light = Self {
            screen: side.clone().find_map(Screen::of),
            levels: side.find_map(levels),
        };
        (light.screen.is_some() || light.levels.is_some()).then_some(light)
    }

    /// `mdcv` and `clli` (ISO/IEC 14496-12 §12.1.7, §12.1.6), for a sample entry.
    pub(crate) fn boxes(&self) -> Vec<(FourCc, Vec<u8>)> {
        let screen = self.screen.map(|screen| {
            let colours = screen.colours.iter().flat_map(|(x, y)| [*x, *y]);
            let mut body: Vec<u8> = colours.flat_map(u16::to_be_bytes).collect();
            body.extend(screen.luminance.0.to_be_bytes());
            body.extend(screen.luminance.1.to_be_bytes());
            (FourCc(*b"mdcv"), body)
        });
        let levels = self.levels.map(|(max, average)| {
            let body = [max.to_be_bytes(), average.to_be_bytes()].concat();
            (FourCc(*b"clli"), body)
        });
        screen.into_iter().chain(levels).collect()
    }

    /// Settings of x265, which has them in SEI messages; `:` before each.
    pub(crate) fn for_x265(&self) -> String {
        let screen = self.screen.map(|Screen { colours, luminance }| {
            let [(gx, gy), (bx, by), (rx, ry), (wx, wy)] = colours;
            let (max, min) = luminance;
            format!(
                ":master-display=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({max},{min})"
            )
        });
        let levels = self
            .levels
            .map(|(max, average)| format!(":max-cll={max},{average}"));
        screen.unwrap_or_default() + &levels.unwrap_or_default()
    }

    /// The same of SVT-AV1, which has them in metadata OBUs, and counts in ones.
    pub(crate) fn for_svt_av1(&self) -> String {
        let screen = self.screen.map(|Screen { colours, luminance }| {
            let chroma = |step: u16| f64::from(step) / CHROMA_STEPS;
            let [g, b, r, w] = colours.map(|(x, y)| format!("({:.5},{:.5})", chroma(x), chroma(y)));
            let [max, min] = [luminance.0, luminance.1].map(|l| f64::from(l) / LIGHT_STEPS);
            format!(":mastering-display=G{g}B{b}R{r}WP{w}L({max:.4},{min:.4})")
        });
        let levels = self
            .levels
            .map(|(max, average)| format!(":content-light={max},{average}"));
        screen.unwrap_or_default() + &levels.unwrap_or_default()
    }
}

impl Screen {
    fn of(side: &SideLight) -> Option<Self> {
        let chroma = |text: &str| steps(text, CHROMA_STEPS).filter(|n| *n <= CHROMA_STEPS);
        let colour = |x: &str, y: &str| Some((chroma(x)? as u16, chroma(y)? as u16));
        let light = |text: &str| steps(text, LIGHT_STEPS).map(|n| n as u32);
        let luminance = (light(&side.max_luminance)?, light(&side.min_luminance)?);
        if luminance.0 <= luminance.1 {
            return None;
        }
        Some(Self {
            colours: [
                colour(&side.green_x, &side.green_y)?,
                colour(&side.blue_x, &side.blue_y)?,
                colour(&side.red_x, &side.red_y)?,
                colour(&side.white_point_x, &side.white_point_y)?,
            ],
            luminance,
        })
    }
}

/// Both 0 is what is written where they are not known.
fn levels(side: &SideLight) -> Option<(u16, u16)> {
    let level = |value: u32| u16::try_from(value).ok();
    let levels = (level(side.max_content?)?, level(side.max_average?)?);
    (levels != (0, 0)).then_some(levels)
}

/// A fraction in text, in so many steps for one, rounded to nearest.
fn steps(text: &str, steps: f64) -> Option<f64> {
    let (num, den) = text.split_once('/')?;
    let (num, den): (f64, f64) = (num.parse().ok()?, den.parse().ok()?);
    let value = (num / den * steps).round();
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ffprobe 5.1, about a stream of AV1, whose fractions are of powers of two.
    const SIDE: &str = r#"[
        {"red_x":"44564/65536","red_y":"20972/65536","green_x":"17367/65536",
         "green_y":"45220/65536","blue_x":"9830/65536","blue_y":"3932/65536",
         "white_point_x":"20493/65536","white_point_y":"21561/65536",
         "min_luminance":"164/16384","max_luminance":"256000/256"},
        {"max_content":1000,"max_average":400}]"#;

    fn light(json: &str) -> Option<Light> {
        let side: Vec<SideLight> = serde_json::from_str(json).unwrap();
        Light::of(side.iter())
    }

    #[test]
    fn fractions_become_the_units_of_each_writer() {
        let light = light(SIDE).unwrap();
        assert_eq!(
            light.for_x265(),
            ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)\
             L(10000000,100):max-cll=1000,400"
        );
        assert_eq!(
            light.for_svt_av1(),
            ":mastering-display=G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)\
             WP(0.31270,0.32900)L(1000.0000,0.0100):content-light=1000,400"
        );
        let boxes = light.boxes();
        assert_eq!(boxes[0].0, FourCc(*b"mdcv"));
        assert_eq!(boxes[0].1[..4], [0x33, 0xc2, 0x86, 0xc4]);
        assert_eq!(boxes[0].1.len(), 24);
        assert_eq!(boxes[1], (FourCc(*b"clli"), vec![3, 232, 1, 144]));
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_none() {
        assert_eq!(light("[]"), None);
        assert_eq!(
            light(r#"[{"rotation":-90},{"max_content":0,"max_average":0}]"#),
            None
        );
        for (from, to) in [
            ("44564/65536", "1/0"),
            ("44564/65536", "-1/2"),
            ("44564/65536", "3/2"),
            ("256000/256", "0/256"),
        ] {
            let light = light(&SIDE.replace(from, to)).unwrap();
            assert_eq!(
                (light.screen, light.levels),
                (None, Some((1000, 400))),
                "{to}"
            );
        }
    }
}

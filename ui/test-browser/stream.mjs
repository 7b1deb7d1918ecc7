// A real stream, made by ffmpeg: two renditions, two languages, subtitles, pictures.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const SECS = 40;
export const SEGMENT_SECS = 2;
export const SEGMENTS = SECS / SEGMENT_SECS;

/** The tracks, and each one's line in the multivariant playlist. */
export const VIDEO = { v180: "320x180", v360: "640x360" };
export const AUDIO = { a1: ["en", "English", 330], a2: ["de", "Deutsch", 660] };
export const TEXT = { t1: ["en", "English", false], t2: ["de", "Deutsch", false], t3: ["de", "Deutsch, forced", true] };

/** Writes all of it below `folder`. */
export function make(folder) {
  for (const [name, size] of Object.entries(VIDEO)) {
    const picture = `testsrc2=size=${size}:rate=25:duration=${SECS}`;
    const keys = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "0"];
    hls(join(folder, name), picture, ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", ...keys]);
  }
  for (const [name, [, , hertz]] of Object.entries(AUDIO)) {
    hls(join(folder, name), `sine=frequency=${hertz}:sample_rate=48000:duration=${SECS}`, ["-c:a", "aac", "-b:a", "64k"]);
  }
  for (const [name, [lang, , forced]] of Object.entries(TEXT)) {
    mkdirSync(join(folder, name));
    for (let n = 0; n < SEGMENTS; n++) {
      const at = (secs) => `00:00:${String(secs).padStart(2, "0")}.000`;
      const cue = `${at(n * SEGMENT_SECS)} --> ${at((n + 1) * SEGMENT_SECS)}\n${lang}${forced ? " forced" : ""} ${n}\n`;
      writeFileSync(join(folder, name, `${n}.vtt`), `WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n${cue}`);
    }
  }
  pictures(folder);
}

function hls(folder, source, encode) {
  mkdirSync(folder);
  run(["-f", "lavfi", "-i", source, ...encode, "-f", "hls", "-hls_time", String(SEGMENT_SECS), "-hls_playlist_type", "vod",
    "-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", join(folder, "%d.m4s"), join(folder, "index.m3u8")]);
}

function pictures(folder) {
  const source = `testsrc2=size=160x90:rate=1:duration=${SECS}`;
  run(["-f", "lavfi", "-i", source, "-frames:v", "1", join(folder, "poster.jpg")]);
  run(["-f", "lavfi", "-i", source, "-vf", `fps=1/4,tile=${SECS / 4}x1`, "-frames:v", "1", join(folder, "storyboard-1.jpg")]);
  const cues = Array.from({ length: SECS / 4 }, (_, i) => {
    const at = (secs) => `00:${String(secs).padStart(2, "0")}.000`;
    return `${at(4 * i)} --> ${at(4 * i + 4)}\nstoryboard-1.jpg#xywh=${160 * i},0,160,90\n`;
  });
  writeFileSync(join(folder, "storyboard.vtt"), `WEBVTT\n\n${cues.join("\n")}`);
  const chapters = [{ start: 0, title: "Start" }, { start: 20, title: "Middle" }];
  writeFileSync(join(folder, "chapters.json"), JSON.stringify(chapters));
}

function run(args) {
  execFileSync("ffmpeg", ["-v", "error", "-y", "-threads", "1", ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

// One stream in one of the players that people use, asked by `window.state()` and told by
// `selectAudio`, `selectText` and `seek`. `?player=hlsjs|shaka-hls|shaka-dash|dashjs&src=URL`,
// and for a stream that is encrypted `&keys=KID:KEY,KID:KEY` in hexadecimal, or `&licence=1`
// where `license` beside its manifest gives them; `&sound=opus` has Shaka take that codec.

const video = document.getElementById("video");
const query = new URLSearchParams(location.search);
let error = null;
let player = null;

/** Content keys by their ids, in hexadecimal; `null` for a clear stream. */
const keys = query.has("keys") ? Object.fromEntries(query.get("keys").split(",").map((pair) => pair.split(":"))) : null;

/** Where keys are asked for; `null` where nobody gives any. */
const server = query.has("licence") ? new URL("license", query.get("src")).href : null;

/** As JSON Web Keys have binary fields (RFC 7515, appendix C). */
function base64url(hex) {
  const bytes = hex.match(/../g).map((byte) => parseInt(byte, 16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A ClearKey licence, as a server would give it (W3C, Encrypted Media Extensions 9.1.4). */
function licence() {
  const jwks = Object.entries(keys).map(([kid, k]) => ({ kty: "oct", kid: base64url(kid), k: base64url(k) }));
  return new Blob([JSON.stringify({ keys: jwks, type: "temporary" })]);
}

/** A classic script of a player, which leaves a global. */
function script(path) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = `node_modules/${path}`;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`no ${path}: npm install`));
    document.head.append(element);
  });
}

function failed(reason) {
  error ??= String(reason);
}

/** What the text tracks of the video element show at this moment. */
function shownCues() {
  const showing = [...video.textTracks].filter((track) => track.mode === "showing");
  return showing.flatMap((track) => [...(track.activeCues ?? [])].map((cue) => cue.text));
}

async function hlsjs(src) {
  await script("hls.js/dist/hls.min.js");
  const licenseUrl = server ?? (keys && URL.createObjectURL(licence()));
  const hls = new Hls(licenseUrl === null ? {} : {
    emeEnabled: true,
    drmSystems: { "org.w3.clearkey": { licenseUrl } },
    // A blob can only be got.
    licenseXhrSetup: (xhr, url) => xhr.open(server ? "POST" : "GET", url, true),
  });
  hls.on(Hls.Events.ERROR, (_, { fatal, details }) => fatal && failed(details));
  hls.loadSource(src);
  hls.attachMedia(video);
  const index = (tracks, lang) => tracks.findIndex((track) => track.lang === lang);
  return {
    audio: () => hls.audioTracks.map(({ lang }, i) => ({ lang, active: i === hls.audioTrack })),
    text: () => hls.subtitleTracks.map(({ lang, forced }, i) => ({ lang, forced, active: i === hls.subtitleTrack })),
    cues: shownCues,
    codecs: () => {
      const { videoCodec, audioCodec } = hls.levels[hls.currentLevel] ?? {};
      return { video: videoCodec, audio: audioCodec };
    },
    selectAudio: (lang) => (hls.audioTrack = index(hls.audioTracks, lang)),
    selectText: (lang) => {
      hls.subtitleTrack = lang === null ? -1 : index(hls.subtitleTracks, lang);
      hls.subtitleDisplay = lang !== null;
    },
  };
}

async function shakaPlayer(src) {
  await script("shaka-player/dist/shaka-player.compiled-es2021.js");
  shaka.polyfill.installAll();
  const shakaPlayer = new shaka.Player();
  shakaPlayer.addEventListener("error", ({ detail }) => {
    if (detail.severity === shaka.util.Error.Severity.CRITICAL) failed(`shaka ${detail.code} ${detail.data}`);
  });
  // Shaka knows no ClearKey in HLS but as a key behind a URI; it need not look there.
  if (keys !== null) shakaPlayer.configure({ drm: { clearKeys: keys }, manifest: { ignoreDrmInfo: true } });
  if (query.has("sound")) shakaPlayer.configure({ preferredAudioCodecs: [query.get("sound")] });
  if (server !== null) shakaPlayer.configure({ drm: { servers: { "org.w3.clearkey": server } } });
  await shakaPlayer.attach(video);
  // 0: while the playlist grows, Shaka takes it for live and would start near its end.
  await shakaPlayer.load(src, 0);
  const texts = () => shakaPlayer.getTextTracks();
  return {
    audio: () => shakaPlayer.getAudioTracks().map(({ language, active }) => ({ lang: language, active })),
    text: () => texts().map(({ language, forced, active }) => ({ lang: language, forced, active })),
    cues: shownCues,
    codecs: () => {
      const { videoCodec, audioCodec } = shakaPlayer.getVariantTracks().find((t) => t.active) ?? {};
      return { video: videoCodec, audio: audioCodec };
    },
    selectAudio: (lang) => shakaPlayer.selectAudioTrack(shakaPlayer.getAudioTracks().find((t) => t.language === lang)),
    selectText: (lang) => shakaPlayer.selectTextTrack(lang === null ? null : texts().find((t) => t.language === lang && !t.forced)),
  };
}

async function dash(src) {
  await script("dashjs/dist/modern/umd/dash.all.min.js");
  const dashPlayer = dashjs.MediaPlayer().create();
  dashPlayer.on("error", ({ error: told }) => failed(`dash.js ${told.code} ${told.message}`));
  dashPlayer.initialize(video, undefined, false);
  if (keys !== null) {
    const clearkeys = Object.fromEntries(Object.entries(keys).map((pair) => pair.map(base64url)));
    dashPlayer.setProtectionData({ "org.w3.clearkey": { clearkeys } });
  }
  if (server !== null) dashPlayer.setProtectionData({ "org.w3.clearkey": { serverURL: server } });
  dashPlayer.attachSource(src);
  await new Promise((resolve) => dashPlayer.on("streamInitialized", resolve));
  const of = (type) => dashPlayer.getTracksFor(type) ?? [];
  const texts = () => of("text").map(({ lang, roles }, i) => {
    const forced = (roles ?? []).some(({ value }) => /forced/.test(value));
    return { lang, forced, active: dashPlayer.isTextEnabled() && i === dashPlayer.getCurrentTextTrackIndex() };
  });
  return {
    audio: () => of("audio").map((track) => ({ lang: track.lang, active: track === dashPlayer.getCurrentTrackFor("audio") })),
    text: texts,
    cues: shownCues,
    codecs: () => {
      const of = (type) => dashPlayer.getCurrentTrackFor(type)?.codec?.match(/codecs="(.*)"/)?.[1];
      return { video: of("video"), audio: of("audio") };
    },
    selectAudio: (lang) => dashPlayer.setCurrentTrack(of("audio").find((track) => track.lang === lang)),
    selectText: (lang) => {
      dashPlayer.enableText(lang !== null);
      dashPlayer.setTextTrack(lang === null ? -1 : of("text").findIndex((track) => track.lang === lang));
    },
  };
}

const PLAYERS = { hlsjs, "shaka-hls": shakaPlayer, "shaka-dash": shakaPlayer, dashjs: dash };

window.state = () => ({
  ready: player !== null,
  error: error ?? (video.error && video.error.message),
  currentTime: video.currentTime,
  duration: Number.isFinite(video.duration) ? video.duration : null,
  paused: video.paused,
  seeking: video.seeking,
  videoWidth: video.videoWidth,
  dropped: video.getVideoPlaybackQuality().droppedVideoFrames,
  decoded: video.getVideoPlaybackQuality().totalVideoFrames,
  codecs: player?.codecs() ?? {},
  audio: player?.audio() ?? [],
  text: player?.text() ?? [],
  cues: player?.cues() ?? [],
});
window.selectAudio = (lang) => void player.selectAudio(lang);
/** `null` is none. */
window.selectText = (lang) => void player.selectText(lang);
window.seek = (secs) => (video.currentTime = secs);

try {
  player = await PLAYERS[query.get("player")](query.get("src"));
  await video.play();
} catch (reason) {
  failed(reason?.code ? `${reason.code} ${reason.data}` : reason);
}

// Serves the built pages and one asset that is still growing, as an origin does.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { AUDIO, SECS, SEGMENTS, TEXT, VIDEO } from "./stream.mjs";

const DIST = new URL("../dist/", import.meta.url).pathname;
const VERSION = "01";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".m3u8": "application/vnd.apple.mpegurl", ".mp4": "video/mp4", ".m4s": "video/mp4", ".vtt": "text/vtt", ".jpg": "image/jpeg", ".json": "application/json" };
const FILES = ["poster.jpg", "storyboard.vtt", "storyboard-1.jpg", "chapters.json"];
const POLICY = "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; img-src 'self' data: blob:; connect-src *; object-src 'none'; base-uri 'none'; form-action 'none'";

/** One asset `x`, in whatever state the test puts it. */
export class Asset {
  state = { state: "packaging", percent: 12, stage: "encode", speed: 2.5, eta_secs: 30, renditions: [], duration_secs: SECS };
  segments = 0;
  events = true;
  requests = [];
  #listeners = new Set();

  constructor(folder) {
    this.folder = folder;
  }

  /** Changes it, and tells whoever listens. */
  change(state, segments = this.segments) {
    Object.assign(this.state, state);
    this.segments = segments;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  async serve() {
    this.server = createServer((request, response) => this.#answer(request.url.split("?")[0], response));
    await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  close() {
    for (const listener of this.#listeners) listener.end();
    this.server.closeAllConnections();
    this.server.close();
  }

  get #playable() {
    return this.state.renditions.length > 0;
  }

  #tell(listener) {
    listener.write(`event: state\ndata: ${JSON.stringify(this.state)}\n\n`);
  }

  #answer(path, response) {
    this.requests.push(path);
    const send = (type, body, status = 200) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store", "content-security-policy": POLICY });
      response.end(body);
    };
    if (path.startsWith("/watch/")) return send("text/html", readFileSync(join(DIST, "watch.html")));
    if (path.startsWith("/assets/")) return this.#file(join(DIST, path), response);
    if (path === "/v/x/info.json") {
      const files = this.state.state === "ready" ? FILES : [];
      return send("application/json", JSON.stringify({ ...this.state, title: "A test.mp4", version: VERSION, files }));
    }
    if (path === "/v/x/events" && this.events) {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      this.#listeners.add(response.on("close", () => this.#listeners.delete(response)));
      return this.#tell(response);
    }
    const m3u8 = "application/vnd.apple.mpegurl";
    if (path === "/v/x/master.m3u8" && this.#playable) return send(m3u8, this.#master());
    const [, , , version, name, file] = path.split("/");
    if (version === VERSION && file === "index.m3u8") return send(m3u8, this.#playlist(name));
    if (version === VERSION) return this.#file(join(this.folder, name, file ?? ""), response);
    const problem = { type: "/problems/not-yet-playable", title: "not yet playable", detail: "12 %", status: 404 };
    response.setHeader("retry-after", "5");
    send("application/problem+json", JSON.stringify(problem), 404);
  }

  #master() {
    const media = (type, tracks, rest) => Object.entries(tracks).map(([id, track], i) =>
      `#EXT-X-MEDIA:TYPE=${type},GROUP-ID="${type}",LANGUAGE="${track[0]}",NAME="${track[1]}",AUTOSELECT=YES,${rest(track, i)},URI="${VERSION}/${id}/index.m3u8"`);
    const variants = Object.entries(VIDEO).filter(([id]) => this.state.renditions.includes(id)).map(([id, size], i) =>
      `#EXT-X-STREAM-INF:BANDWIDTH=${(i + 1) * 400000},RESOLUTION=${size},CODECS="avc1.42c01e,mp4a.40.2",AUDIO="AUDIO",SUBTITLES="SUBTITLES"\n${VERSION}/${id}/index.m3u8`);
    return ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START:TIME-OFFSET=0",
      ...media("AUDIO", AUDIO, (_, i) => `DEFAULT=${i === 0 ? "YES" : "NO"}`),
      ...media("SUBTITLES", TEXT, ([, , forced]) => `DEFAULT=NO,FORCED=${forced ? "YES" : "NO"}`), ...variants, ""].join("\n");
  }

  /** What of a track is there: `EVENT` until all is. */
  #playlist(name) {
    const whole = this.segments >= SEGMENTS;
    const start = whole ? "VOD" : "EVENT\n#EXT-X-START:TIME-OFFSET=0";
    if (name in TEXT) return this.#texts(start, whole);
    const lines = readFileSync(join(this.folder, name, "index.m3u8"), "utf8").replace("VOD", start).split("\n");
    const end = lines.indexOf(`${Math.min(this.segments, SEGMENTS) - 1}.m4s`) + 1;
    return [...lines.slice(0, end), ...(whole ? lines.slice(end) : []), ""].join("\n");
  }

  #texts(start, whole) {
    const segments = Array.from({ length: Math.min(this.segments, SEGMENTS) }, (_, n) => `#EXTINF:2,\n${n}.vtt`);
    return ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", `#EXT-X-PLAYLIST-TYPE:${start}`, ...segments, whole ? "#EXT-X-ENDLIST" : "", ""].join("\n");
  }

  #file(path, response) {
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)], "cache-control": "max-age=600" });
    createReadStream(path).pipe(response);
  }
}

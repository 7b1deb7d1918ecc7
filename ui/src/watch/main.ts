import "../style/base.css";
import "../style/watch.css";
import "../style/controls.css";
import { About } from "./about.ts";
import type { Address } from "./address.ts";
import { api } from "./api.ts";
import { autoplay } from "./autoplay.ts";
import { Controls } from "./controls.ts";
import { byId } from "./dom.ts";
import type { Loaded } from "./engine.ts";
import { Extras } from "./extras.ts";
import { bindKeys } from "./keyboard.ts";
import { Menus } from "./menus.ts";
import { Notice } from "./notice.ts";
import { Panel } from "./panel.ts";
import { messageFor, type Problem } from "./problem.ts";
import type { Progress } from "./progress.ts";
import { Renewal } from "./renewal.ts";
import { SeekBar } from "./seek-bar.ts";
import { Session, type Phase, type Scene } from "./session.ts";
import { Meter } from "./stats.ts";
import { keepTiming } from "./timing.ts";

const stage = byId("stage");
const video = byId<HTMLVideoElement>("video");
const open = () => void session.open(location.pathname, location.hash);

/** Puts a session on the page. */
class Page implements Scene {
  onAddress(address: Address): void {
    renewal.reset();
    void about.open(address);
  }

  onPhase(phase: Phase, problem: Problem | null): void {
    stage.dataset["phase"] = phase;
    const idle = session.ahead() < 0.5;
    if (problem && (phase === "failed" || phase === "preparing" || (phase === "offline" && idle))) {
      notice.show(problem, phase === "failed");
      if (phase === "preparing" && about.progress) notice.follow(about.progress);
    } else {
      notice.hide();
      notice.say(problem && phase === "offline" ? `${messageFor(problem).title}. Trying again…` : null);
      if (notice.saying) controls.wake();
    }
  }

  onReady(): void {
    this.onChange();
    void renewal.check();
    void autoplay(video).then((start) => start === "muted" && controls.offerSound());
  }

  onChange(): void {
    menus.update(session.engine);
    const growing = session.engine?.facts().growing ?? false;
    if (bar.growing && !growing) void about.ask();
    bar.growing = growing;
    byId("badge").hidden = !growing;
    bar.draw();
  }

  onLoaded(segment: Loaded): void {
    meter.add(segment);
    panel.draw();
  }

  onDoomed(problem: Problem): void {
    notice.say(`${messageFor(problem).title}. Playback ends where loading did.`);
    controls.wake();
  }
}

/** The server tells how far the asset is. */
function onProgress(news: Progress): void {
  if (session.phase === "preparing") {
    notice.follow(news);
    if (news.state !== "packaging") session.hurryUp();
  }
  const percent = news.percent === null || news.state === "ready" ? "" : ` · ${Math.floor(news.percent)} %`;
  byId("badge").textContent = `Still encoding${percent}`;
  renewal.heard(news.renditions);
}

const bar = new SeekBar(video);
const session: Session = new Session(video, new Page());
const about = new About(new Extras(video, bar), onProgress);
const renewal = new Renewal(session);
const meter = new Meter(video, session);
const controls = new Controls(video, bar);
const notice = new Notice(open);
const panel = new Panel(meter);
const menus = new Menus();

keepTiming();
controls.busy = () => menus.open || notice.saying;
bindKeys(controls, panel, menus);
window.weir = api(video, session, { meter, about, renewal });
// A new link for the same page differs in its fragment only.
addEventListener("hashchange", open);
open();

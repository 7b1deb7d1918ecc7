import "../style/base.css";
import "../style/watch.css";
import "../style/controls.css";
import type { Address } from "./address.ts";
import { api } from "./api.ts";
import { autoplay } from "./autoplay.ts";
import { Controls } from "./controls.ts";
import { byId } from "./dom.ts";
import type { Loaded } from "./engine.ts";
import { bindKeys } from "./keyboard.ts";
import { Notice } from "./notice.ts";
import { Panel } from "./panel.ts";
import { messageFor, type Problem } from "./problem.ts";
import { QualityMenu } from "./quality.ts";
import { Session, type Phase, type Scene } from "./session.ts";
import { Meter } from "./stats.ts";
import { keepTiming } from "./timing.ts";
import { Title } from "./title.ts";

const stage = byId("stage");
const video = byId<HTMLVideoElement>("video");
const open = () => void session.open(location.pathname, location.hash);

/** Puts a session on the page. */
class Page implements Scene {
  onAddress(address: Address): void {
    title.open(address);
  }

  onPhase(phase: Phase, problem: Problem | null): void {
    stage.dataset["phase"] = phase;
    const idle = session.ahead() < 0.5;
    if (problem && (phase === "failed" || phase === "preparing" || (phase === "offline" && idle))) {
      notice.show(problem, phase === "failed");
    } else {
      notice.hide();
      notice.say(problem && phase === "offline" ? `${messageFor(problem).title}. Trying again…` : null);
      if (notice.saying) controls.wake();
    }
  }

  onReady(): void {
    this.onChange();
    void autoplay(video).then((start) => start === "muted" && controls.offerSound());
  }

  onChange(): void {
    menu.update(session.engine);
    const growing = session.engine?.facts().growing ?? false;
    if (controls.growing && !growing) void title.ask();
    controls.growing = growing;
    byId("badge").hidden = !controls.growing;
    controls.drawTime();
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

const title = new Title();
const session: Session = new Session(video, new Page());
const meter = new Meter(video, session);
const controls = new Controls(video);
const notice = new Notice(open);
const panel = new Panel(meter);
const menu = new QualityMenu();

keepTiming();
controls.busy = () => menu.open || notice.saying;
bindKeys(controls, panel, menu);
window.weir = api(video, session, meter);
// A new link for the same page differs in its fragment only.
addEventListener("hashchange", open);
open();

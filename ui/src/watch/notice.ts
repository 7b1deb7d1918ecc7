import { byId } from "./dom.ts";
import { progressLine, type Progress } from "./progress.ts";
import { messageFor, needsNewLink, newsIn, type Problem } from "./problem.ts";

/** The card over the picture and the line above the controls. */
export class Notice {
  private readonly card = byId("notice");
  private readonly progress = byId<HTMLProgressElement>("notice-progress");
  private readonly again = byId<HTMLButtonElement>("notice-again");
  private readonly line = byId("line");
  private readonly detail = byId("notice-detail");

  constructor(onAgain: () => void) {
    this.again.addEventListener("click", onAgain);
  }

  /** A card: nothing plays. `final`: nor will it by itself. */
  show(problem: Problem, final: boolean): void {
    const { title, hint } = messageFor(problem);
    byId("notice-title").textContent = title;
    byId("notice-hint").textContent = hint;
    this.tell(newsIn(problem));
    this.again.hidden = !final || needsNewLink(problem);
    this.showProgress(final ? null : problem);
    this.card.dataset["kind"] = problem.kind;
    this.card.classList.toggle("final", final);
    this.card.hidden = false;
    this.say(null);
  }

  hide(): void {
    this.card.hidden = true;
  }

  /** How far an asset is that is being prepared. */
  follow(news: Progress): void {
    if (this.card.hidden || this.card.classList.contains("final")) return;
    this.tell(progressLine(news));
    if (news.percent !== null) this.progress.value = news.percent / 100;
  }

  /** A line is being shown. */
  get saying(): boolean {
    return !this.line.hidden;
  }

  /** A line: the picture goes on for now. `null` takes it away. */
  say(text: string | null): void {
    this.line.textContent = text ?? "";
    this.line.hidden = text === null;
  }

  private tell(detail: string | null): void {
    this.detail.textContent = detail ?? "";
    this.detail.hidden = detail === null;
  }

  private showProgress(problem: Problem | null): void {
    this.progress.hidden = problem === null;
    const percent = /(\d+(?:\.\d+)?) ?%/.exec(problem?.detail ?? "")?.[1];
    if (percent === undefined) this.progress.removeAttribute("value");
    else this.progress.value = Number(percent) / 100;
  }
}

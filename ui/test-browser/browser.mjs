// Chromium by chromedriver: the few commands of WebDriver that are needed.
import { spawn } from "node:child_process";

const ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--window-size=1280,720"];
const WAIT_MS = 60_000;

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
    const port = await new Promise((found, failed) => {
      browser.driver.on("exit", () => failed(new Error("chromedriver ended")));
      browser.driver.stdout.on("data", (told) => {
        const port = /successfully on port (\d+)/.exec(told)?.[1];
        if (port) found(port);
      });
    });
    const options = { "goog:chromeOptions": { args: ARGS }, "goog:loggingPrefs": { browser: "ALL" } };
    browser.root = `http://127.0.0.1:${port}/session`;
    const { sessionId } = await browser.send("POST", "", { capabilities: { alwaysMatch: options } });
    browser.root += `/${sessionId}`;
    return browser;
  }

  async send(method, path, body) {
    const answer = await fetch(this.root + path, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(value.message);
    return value;
  }

  open = (url) => this.send("POST", "/url", { url });
  run = (script) => this.send("POST", "/execute/sync", { script, args: [] });
  ask = (expression) => this.run(`return ${expression}`);
  console = () => this.send("POST", "/se/log", { type: "browser" });

  async key(key) {
    await this.run(`(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key: ${JSON.stringify(key)}, bubbles: true, cancelable: true }))`);
  }

  /** Waits until an expression is true. */
  async until(expression) {
    const script = `const done = arguments[0]; const ends = performance.now() + ${WAIT_MS}; let threw = "";
      const look = () => { let value; try { value = (${expression}); } catch (error) { threw = String(error); }
        if (value) done(""); else if (performance.now() > ends) done("timed out " + threw); else setTimeout(look, 50); }; look();`;
    await this.send("POST", "/timeouts", { script: WAIT_MS + 5_000 });
    const told = await this.send("POST", "/execute/async", { script, args: [] });
    if (told) throw new Error(`${expression}: ${told} ${await this.ask("JSON.stringify([weir.state, weir.error, weir.stats()])")}`);
  }

  async quit() {
    await this.send("DELETE", "").catch(() => {});
    this.driver.removeAllListeners("exit");
    this.driver.kill();
  }
}

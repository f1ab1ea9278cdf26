// A headless Chromium, driven over pipes by its DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/): one message is JSON and a zero byte.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

/** The program, if this machine has one. */
export function findChromium(): string | undefined {
  return PROGRAMS.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

type Reply = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Reply;
  readonly result?: Reply;
  readonly error?: { readonly message: string };
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly theme: "light" | "dark";
  readonly media?: "screen" | "print";
}

/** One browser with one page. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners: ((message: Message) => void)[] = [];
  /** What the page has complained of: errors of scripts, messages of the console, refusals of its policy. */
  readonly complaints: string[] = [];
  /** The addresses that the page has asked for. */
  readonly requests: string[] = [];
  #session: string | undefined;
  #last = 0;
  #rest = "";

  private constructor(program: string) {
    this.#folder = mkdtempSync(join(tmpdir(), "tsrun-chromium-"));
    const flags = [
      ...["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars"],
      ...["--disable-extensions", "--disable-background-networking", "--disable-component-update"],
      // Chromium's own sandbox cannot be had by root.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      `--user-data-dir=${this.#folder}`,
      "about:blank",
    ];
    this.#process = spawn(program, flags, {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      detached: true,
    });
    const output = this.#process.stdio[4] as Readable;
    output.setEncoding("utf8");
    output.on("data", (text: string) => this.#read(text));
  }

  static async start(program: string): Promise<Browser> {
    const browser = new Browser(program);
    const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = String(sessionId);
    browser.#listeners.push((message) => browser.#note(message));
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.#send(`${domain}.enable`, {});
    return browser;
  }

  async open(file: string, { width, height, theme, media = "screen" }: View): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#send("Emulation.setDeviceMetricsOverride", metrics);
    const features = [{ name: "prefers-color-scheme", value: theme }];
    await this.#send("Emulation.setEmulatedMedia", { media: media === "print" ? "print" : "", features });
    const loaded = this.#event("Page.loadEventFired");
    await this.#send("Page.navigate", { url: `file://${file}` });
    await loaded;
  }

  /** The value of an expression, which may be a promise. */
  async evaluate(expression: string): Promise<unknown> {
    const reply = await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (reply.exceptionDetails !== undefined) throw new Error(JSON.stringify(reply.exceptionDetails));
    return (reply.result as { readonly value?: unknown }).value;
  }

  async press(key: string, code: number): Promise<void> {
    const event = { key, code: key, windowsVirtualKeyCode: code };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  async pointAt(x: number, y: number): Promise<void> {
    await this.#send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  /** A picture of the window, or of the whole page. */
  async picture(extent: "window" | "page" = "window"): Promise<Uint8Array> {
    const whole = extent === "page";
    const { data } = await this.#send("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: whole,
    });
    return Buffer.from(String(data), "base64");
  }

  async pdf(): Promise<Uint8Array> {
    const { data } = await this.#send("Page.printToPDF", { printBackground: true, preferCSSPageSize: true });
    return Buffer.from(String(data), "base64");
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
    this.#session = undefined;
    await this.#send("Browser.close", {});
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #send(method: string, params: Reply): Promise<Reply> {
    const id = ++this.#last;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    const input = this.#process.stdio[3] as Writable;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  #event(method: string): Promise<void> {
    return new Promise((resolve) => {
      const listener = (message: Message): void => {
        if (message.method !== method) return;
        this.#listeners.splice(this.#listeners.indexOf(listener), 1);
        resolve();
      };
      this.#listeners.push(listener);
    });
  }

  #read(text: string): void {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const one of messages) {
      const message = JSON.parse(one) as Message;
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      else for (const listener of [...this.#listeners]) listener(message);
    }
  }

  #note({ method, params }: Message): void {
    if (
      method === "Runtime.consoleAPICalled" ||
      method === "Runtime.exceptionThrown" ||
      method === "Log.entryAdded"
    ) {
      this.complaints.push(JSON.stringify(params));
    }
    if (method === "Network.requestWillBeSent") {
      this.requests.push((params as { readonly request: { readonly url: string } }).request.url);
    }
  }
}

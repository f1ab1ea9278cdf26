// One life of a container, during which containerd is killed and started again, under a client that goes on
// like a kubelet: what was cut is asked for again.

import { equal, ok } from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import type { Client } from "../cri/client.ts";
import { containerdPid, startContainerd } from "../cri/containerd.ts";
import { Pod } from "../cri/pod.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import { until } from "../support/wait.ts";
import type { Moment, Step } from "./moments.ts";
import type { Relay } from "./relay.ts";

/** Some MiB of output, and the end when the client wants it. */
const PROGRAM = "seq 1 200000; until [ -e /data/go ]; do sleep 0.05; done; exit 7";
const EXEC_LINES = 5_000;
const EXEC = `seq 1 ${EXEC_LINES}; sleep 0.6; exit 3`;
/** How often the client asks again. */
const MOST_TRIES = 20;

export class Restarts {
  readonly client: Client;
  readonly relay: Relay;
  readonly handler: string;
  kills = 0;
  /** While containerd is down. */
  #coming: Promise<void> | undefined;

  constructor(client: Client, relay: Relay, handler: string) {
    this.client = client;
    this.relay = relay;
    this.handler = handler;
  }

  /** Kills containerd at once, and begins to start it again. */
  kill(): void {
    this.kills += 1;
    const pid = containerdPid();
    signalProcess(pid, "SIGKILL");
    const start = async (): Promise<void> => {
      await until(`containerd ${pid} to end`, () => hasEnded(pid), 30_000);
      await startContainerd(this.client);
      this.#coming = undefined;
    };
    this.#coming = start();
  }

  /** Does `action` until it has succeeded, or until `done` says so. Its last error is thrown at last. */
  async insist(
    action: () => Promise<unknown>,
    done: () => Promise<boolean> = async () => false,
  ): Promise<void> {
    let last: unknown;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      try {
        await this.#coming;
        if (tries > 0 && (await done())) return;
        await action();
        return;
      } catch (error) {
        last = error;
      }
      await new Promise((resume) => setTimeout(resume, 100));
    }
    throw last;
  }
}

/** Lives one life. Returns what became of it. */
export async function live(restarts: Restarts, moment: Moment): Promise<string> {
  const { client, relay, handler, kills } = restarts;
  const pod = new Pod(client, handler);
  await pod.up();
  const life = new Life(restarts, moment, pod);
  try {
    await life.start();
    await life.exec();
    const exit = await life.end();
    await life.remove();
    await until("the moment", () => restarts.kills === kills + 1, 2_000);
    return `exit code ${exit}`;
  } finally {
    relay.watcher = () => false;
    await restarts.insist(() => pod.down());
  }
}

class Life {
  readonly #restarts: Restarts;
  readonly #moment: Moment;
  readonly #pod: Pod;
  readonly #folder = mkdtempSync("/lab/life-");
  readonly #kills: number;
  #main = "";
  #attempt = 0;

  constructor(restarts: Restarts, moment: Moment, pod: Pod) {
    this.#restarts = restarts;
    this.#moment = moment;
    this.#pod = pod;
    this.#kills = restarts.kills;
    restarts.relay.watcher = (point, event) => {
      if (this.#isOver || event.values.containerId !== this.#main) return false;
      if (moment.at?.(point, event) !== true) return false;
      restarts.kill();
      return true;
    };
  }

  get #isOver(): boolean {
    return this.#restarts.kills > this.#kills;
  }

  #begin(step: Step): void {
    const { after } = this.#moment;
    if (after?.step === step && !this.#isOver) setTimeout(() => this.#restarts.kill(), after.ms);
  }

  async start(): Promise<void> {
    await this.#create();
    this.#begin("start");
    await this.#restarts.insist(
      async () => {
        // containerd removes a task that it had made and not started, and its container is over then.
        if (this.#attempt > 0 && (await this.#state()) === "CONTAINER_EXITED") await this.#create();
        await this.#pod.start(this.#main);
      },
      async () => (await this.#state()) === "CONTAINER_RUNNING",
    );
  }

  async exec(): Promise<void> {
    this.#begin("exec");
    await this.#restarts.insist(async () => {
      const { out, code } = await this.#pod.exec(this.#main, ["sh", "-c", EXEC]);
      equal(code, 3);
      equal(out.split("\n").length, EXEC_LINES);
    });
  }

  /** Returns the exit code. */
  async end(): Promise<number> {
    const stops = this.#moment.stops === true;
    const wasOver = this.#isOver;
    this.#begin(stops ? "stop" : "exit");
    if (stops) await this.#restarts.insist(() => this.#pod.stop(this.#main, 1));
    else writeFileSync(`${this.#folder}/go`, "");
    let exit = Number.NaN;
    await this.#restarts.insist(async () => {
      exit = (await this.#pod.exited(this.#main)).exit_code;
    });
    // What has ended while containerd was down is removed by it before it asks how it ended.
    const isKnown = exit === (stops ? 137 : 7);
    ok(isKnown || (exit === 255 && this.#isOver && !wasOver), `it has exited with ${exit}`);
    return exit;
  }

  async remove(): Promise<void> {
    this.#begin("remove");
    await this.#restarts.insist(() => this.#pod.remove(this.#main));
  }

  async #create(): Promise<void> {
    const mounts = [{ host_path: this.#folder, container_path: "/data" }];
    const attempt = this.#attempt++;
    this.#main = await this.#pod.create("main", ["sh", "-c", PROGRAM], { mounts, attempt });
  }

  async #state(): Promise<string> {
    return (await this.#pod.status(this.#main)).state;
  }
}

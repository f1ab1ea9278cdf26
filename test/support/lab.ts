// The environment of one test: a state root, its containers, and the check that nothing of it is left.
// Everything is below one folder per test file, whose name marks every container, cgroup and process of the
// test.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { driverFlags } from "./cgroup-driver.ts";
import type { Config } from "./config.ts";
import { Container } from "./container.ts";
import { findLeftovers, processesLeft, type Traces } from "./leftovers.ts";
import { type InvokeOptions, invoke, type Result } from "./runtime.ts";
import { until } from "./wait.ts";

let labs = 0;
let sharedStore: string | undefined;

/** One folder per test file; it is removed when the process ends. */
function store(): string {
  if (sharedStore !== undefined) return sharedStore;
  const made = mkdtempSync(join(tmpdir(), "oci-e2e-"));
  chmodSync(made, 0o755);
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  sharedStore = made;
  return made;
}

export class Lab {
  readonly store = store();
  readonly folder: string;
  readonly mark: string;
  readonly stateRoot: string;
  readonly #containers: Container[] = [];
  readonly #sessions = new Set<number>();
  readonly #closers: (() => void)[] = [];
  readonly #ends: (() => void)[] = [];
  readonly #ownDevices = new Set<string>();

  constructor() {
    labs += 1;
    this.mark = `${basename(this.store).toLowerCase()}-${labs}`;
    this.folder = join(this.store, String(labs));
    this.stateRoot = join(this.folder, "state");
    mkdirSync(this.folder, { mode: 0o755 });
  }

  container(edit?: (config: Config) => void): Container {
    const made = new Container(this, `${this.mark}-${this.#containers.length + 1}`, edit);
    this.#containers.push(made);
    return made;
  }

  /** Calls the runtime on this lab's state root. */
  async invoke(args: readonly string[], options: Partial<InvokeOptions> = {}): Promise<Result> {
    const result = await this.invokeBare(["--root", this.stateRoot, ...driverFlags, ...args], options);
    return result;
  }

  /** Calls the runtime with exactly these arguments. */
  async invokeBare(args: readonly string[], options: Partial<InvokeOptions> = {}): Promise<Result> {
    const result = await invoke(args, { scratch: join(this.folder, "calls"), ...options });
    this.#sessions.add(result.session);
    return result;
  }

  get traces(): Traces {
    return {
      mark: this.mark,
      folder: this.folder,
      stateRoot: this.stateRoot,
      sessions: this.#sessions,
      ownDevices: this.#ownDevices,
    };
  }

  /**
   * Mounts something on the host for the test. Returns a function that unmounts it; the end of the test does
   * so too.
   */
  mountOnHost(args: readonly string[], target: string): () => void {
    execFileSync("mount", [...args, target]);
    let isMounted = true;
    const unmount = () => {
      if (isMounted) execFileSync("umount", [target]);
      isMounted = false;
    };
    this.#closers.push(unmount);
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const line = lines.findLast((one) => one.split(" ")[4] === target);
    this.#ownDevices.add(line?.split(" ")[2] ?? "");
    return unmount;
  }

  /** Registers a function that ends something of the test that the runtime does not clean up. */
  atClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  /** Registers a function for the very end, which ends what a failed test has left. */
  atEnd(end: () => void): void {
    this.#ends.push(end);
  }

  /** What is left now; processes that were killed get the time to end that a busy machine needs. */
  async leftovers(): Promise<string[]> {
    await until("killed processes to be gone", () => processesLeft(this.traces).length === 0, 10_000).then(
      // An empty session is gone, and its number is soon reused.
      () => this.#sessions.clear(),
      () => {},
    );
    return findLeftovers(this.traces);
  }

  /** After thousands of calls the number of a session may have been reused. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  async deleteAll(): Promise<void> {
    for (const { id } of this.#containers) await this.invoke(["delete", "--force", id]);
  }

  /** Deletes the containers that the test did not delete; anything left then is a failure of the runtime. */
  async close(): Promise<string[]> {
    await this.deleteAll();
    for (const closer of this.#closers) closer();
    const left = await this.leftovers();
    for (const end of this.#ends) end();
    rmSync(this.folder, { recursive: true, force: true });
    return left;
  }
}

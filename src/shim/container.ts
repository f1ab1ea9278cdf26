// One of the shim's containers. tsrun's own commands create it, and it ends when its first process ends.

import { type CgroupEvent, OomWatch } from "../cgroups/oom-watch.ts";
import { remember } from "../container/endings.ts";
import { checkId } from "../container/id.ts";
import { getStateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import type { ValuesOf } from "../protobuf/protobuf.ts";
import { type CommandContext, CommandKilled, NOBODY_WAITS, readPid, runCommand } from "./commands.ts";
import { keepOptions, optionsOf, type TaskOptions } from "./container-options.ts";
import type { Exit } from "./loop/children.ts";
import { EPOLLIN } from "./loop/loop.ts";
import { nothing, Once, type Routine, type Turn } from "./loop/routine.ts";
import type { CheckpointOptions } from "./messages/options.ts";
import type { TASK_METHODS } from "./messages/task.ts";
import { mountApart, unmountApart } from "./rootfs-command.ts";
import { type ShimContext, stateRoot } from "./shim-context.ts";
import { openStreams, type StreamContext } from "./streams/streams.ts";
import { TaskProcess } from "./task-process.ts";
import { RequestError } from "./ttrpc/status.ts";

export type CreateRequest = ValuesOf<(typeof TASK_METHODS)["Create"][0]>;

/** How long output may still be passed on after its process has ended, milliseconds. */
export const DRAIN_MS = 10_000;
/** How long the end of a container waits until containerd has taken the event before it, milliseconds. */
const OOM_MS = 1_000;

interface Making {
  /** Happens when nobody waits for the container any more; then it is taken back. */
  readonly over: Once<void>;
  /** Called when the first process has ended. */
  readonly ended: (container: Container, exit: Exit) => void;
}

export class Container {
  readonly id: string;
  readonly bundle: string;
  readonly init: TaskProcess;
  readonly execs: Map<string, TaskProcess> = new Map();
  readonly options: TaskOptions;
  readonly command: CommandContext;
  readonly #context: ShimContext;
  readonly #request: CreateRequest;
  readonly #making: Making;
  /** When it was created, as its state says; for `why`. */
  #created: string | undefined;
  #oom: OomWatch | undefined;
  #stopOomWatch: (() => void) | undefined;
  /** Happens when containerd knows that memory has run out; set while that waits to be told. */
  #tellsOom: Once<void> | undefined;

  constructor(context: ShimContext, request: CreateRequest, making: Making) {
    const { id = "", bundle = "", stdin = "", stdout = "", stderr = "", terminal = false } = request;
    checkId(id);
    if (!bundle.startsWith("/")) {
      throw new RequestError("invalid argument", `the bundle "${bundle}" is no absolute path`);
    }
    this.#context = context;
    this.#request = request;
    this.#making = making;
    this.id = id;
    this.bundle = bundle;
    this.options = optionsOf(request.options, bundle);
    this.init = new TaskProcess(id, { stdin, stdout, stderr, terminal });
    this.command = {
      children: context.children,
      root: stateRoot(this.options.root, context.namespace),
      systemdCgroup: this.options.systemdCgroup === true,
    };
  }

  /** Lets only one change of its state happen at a time. */
  get turn(): Turn {
    return this.init.turn;
  }

  /** Creates the container. If this fails, nothing of it is left. */
  *create(): Routine<void> {
    const { rootfs = [], checkpoint = "" } = this.#request;
    keepOptions(this.bundle, { id: this.id, ...this.options });
    const work = { target: `${this.bundle}/rootfs`, mounts: rootfs };
    try {
      yield* mountApart(this.#context.children, work, this.#making.over);
      this.init.streams = yield* openStreams(this.streamContext(this.init), this.init.stdio);
      // A container from a checkpoint is restored when it is started.
      if (checkpoint === "") yield* this.#makeNew();
    } catch (error) {
      yield* this.init.streams?.close() ?? nothing();
      yield* this.#unmount();
      throw error;
    }
  }

  /** If this fails, or its command is killed, or nobody waits for it any more, it is taken back. */
  *#makeNew(): Routine<void> {
    const failure = "OCI runtime create failed";
    const { over } = this.#making;
    try {
      yield* this.#make(failure, ["create", ...this.#makeArgs()], over);
      if (over.happened) throw new RequestError("deadline exceeded", `${failure}: ${NOBODY_WAITS}`);
    } catch (error) {
      const isKilled = error instanceof CommandKilled;
      if (this.init.pid !== 0 || isKilled) yield* this.#takeBack();
      throw error;
    }
  }

  /** This may fail as well; the caller reports why it was necessary. */
  *#takeBack(): Routine<void> {
    try {
      yield* this.run("cannot take it back", ["delete", "--force", this.id]);
    } catch (error) {
      this.#context.log(String(error));
    }
  }

  /** Starts its first process. */
  *start(): Routine<void> {
    const { checkpoint = "" } = this.#request;
    if (checkpoint === "") {
      // The program may run out of memory before the command has ended.
      this.#watchMemory();
      yield* this.run("OCI runtime start failed", ["start", this.id]);
    } else {
      yield* this.#make("OCI runtime restore failed", ["restore", ...this.#restoreArgs(checkpoint)]);
      this.#watchMemory();
    }
    if (this.init.state === "created") this.init.state = "running";
  }

  /**
   * Calls `tell` when containerd knows of a lack of memory, if there was one, but not much later: a kubelet
   * names that as the reason of an end only if it is known before the end is.
   */
  afterOom(tell: () => void): void {
    if (this.#lookAtMemory() === "oom") this.#tellOom();
    const told = this.#tellsOom;
    if (told === undefined) {
      tell();
      return;
    }
    const late = this.#context.loop.after(OOM_MS, () => told.happen(undefined));
    told.tell(() => {
      late.cancel();
      tell();
    });
  }

  /** Removes the container, once its output has been passed on. */
  *remove(): Routine<void> {
    yield* this.init.streams?.drain(DRAIN_MS) ?? nothing();
    try {
      yield* this.run("failed to delete task", ["delete", this.id]);
    } catch (error) {
      // A checkpoint that ended the container has removed it already.
      if (!(error instanceof Error) || !error.message.includes("does not exist")) throw error;
    } finally {
      yield* this.init.streams?.close() ?? nothing();
      this.#stopOomWatch?.();
      this.#oom?.[Symbol.dispose]();
      this.#oom = undefined;
      yield* this.#unmount();
    }
    this.init.state = "deleted";
  }

  #unmount(): Routine<void> {
    return unmountApart(this.#context.children, `${this.bundle}/rootfs`);
  }

  /** Remembers how its first process ended, which only its parent knows. */
  rememberEnd({ status, signal, at }: Exit): void {
    if (this.#created === undefined) return;
    const end = signal === 0 ? { status } : { signal };
    const { pid } = this.init;
    remember(this.command.root, { id: this.id, created: this.#created, at, by: "shim", pid, ...end });
  }

  *pause(): Routine<void> {
    yield* this.run("OCI runtime pause failed", ["pause", this.id]);
    if (this.init.state === "running") this.init.state = "paused";
  }

  *resume(): Routine<void> {
    yield* this.run("OCI runtime resume failed", ["resume", this.id]);
    if (this.init.state === "paused") this.init.state = "running";
  }

  *checkpoint(path: string, options: CheckpointOptions): Routine<void> {
    const work = options.workPath || `${this.bundle}/work/criu-work`;
    const words = [
      ...["--image-path", path, "--work-path", work],
      ...(options.exit === true ? [] : ["--leave-running"]),
      ...(options.openTcp === true ? ["--tcp-established"] : []),
      ...(options.externalUnixSockets === true ? ["--ext-unix-sk"] : []),
      ...(options.terminal === true ? ["--shell-job"] : []),
      ...(options.fileLocks === true ? ["--file-locks"] : []),
      ...(options.emptyNamespaces ?? []).flatMap((name) => ["--empty-ns", name]),
      ...(options.cgroupsMode ? ["--manage-cgroups-mode", options.cgroupsMode] : []),
    ];
    yield* this.run("OCI runtime checkpoint failed", ["checkpoint", ...words, this.id]);
  }

  /** Runs a command of tsrun's. If it fails, the error is `failure` and then the command's own error. */
  run(failure: string, args: readonly string[], document?: Uint8Array): Routine<void> {
    return runCommand(this.command, { failure, args, document });
  }

  streamContext(process: TaskProcess): StreamContext {
    const { loop, children, namespace } = this.#context;
    const { ioUid: uid = 0, ioGid: gid = 0 } = this.options;
    const socket = `${this.bundle}/${process.id}.pty.sock`;
    return { loop, children, namespace, id: process.id, uid, gid, socket };
  }

  /** Makes the first process by a command, and begins to look after it. */
  *#make(failure: string, words: readonly string[], over?: Once<void>): Routine<void> {
    const { streams } = this.init;
    const args = [...words, ...(streams?.args ?? []), this.id];
    yield* runCommand(this.command, { failure, args, io: streams?.io, over });
    this.init.pid = readPid(`${this.bundle}/init.pid`);
    this.#context.children.watch(this.init.pid, (exit) => this.#making.ended(this, exit));
    yield* streams?.begin() ?? nothing();
  }

  #makeArgs(): string[] {
    const { noPivotRoot, noNewKeyring } = this.options;
    return [
      ...["--bundle", this.bundle, "--pid-file", `${this.bundle}/init.pid`],
      ...(noPivotRoot === true ? ["--no-pivot"] : []),
      ...(noNewKeyring === true ? ["--no-new-keyring"] : []),
    ];
  }

  #restoreArgs(images: string): string[] {
    const work = this.options.criuWorkPath || `${this.bundle}/work`;
    return [
      ...["--image-path", images, "--work-path", work, "--detach", "--no-subreaper"],
      ...["--bundle", this.bundle, "--pid-file", `${this.bundle}/init.pid`],
      ...(this.options.noPivotRoot === true ? ["--no-pivot"] : []),
    ];
  }

  /** The end is told of even if this fails, for example for lack of descriptors. */
  #lookAtMemory(): CgroupEvent {
    try {
      return this.#oom?.wait(0) ?? "time";
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      this.#context.log(String(error));
      return "time";
    }
  }

  /** Notes when the container was created, and tells containerd whenever it runs out of memory. */
  #watchMemory(): void {
    if (this.#oom !== undefined) return;
    try {
      using directory = getStateDirectory(this.command.root, this.id);
      const { created, cgroup } = directory.load();
      this.#created = created;
      const watch = OomWatch.of(cgroup);
      this.#oom = watch;
      const { stop } = this.#context.loop.watch(watch.descriptor.number, EPOLLIN, () => {
        const event = this.#lookAtMemory();
        if (event === "oom") this.#tellOom();
        if (event === "end") stop();
      });
      this.#stopOomWatch = stop;
    } catch (error) {
      // Without a memory controller there is nothing to tell.
      if (!(error instanceof TsrunError)) throw error;
    }
  }

  /**
   * As long as one such event waits, no second one is queued. Otherwise a container that runs out of memory
   * all the time could push the events of others out of the queue while containerd is away.
   */
  #tellOom(): void {
    if (this.#tellsOom !== undefined) return;
    const told = new Once<void>();
    this.#tellsOom = told;
    const gone = (): void => {
      this.#tellsOom = undefined;
      told.happen(undefined);
    };
    this.init.afterTelling(() => {
      this.#context.publisher.publish("TaskOOM", { containerId: this.id }, gone);
    });
  }
}

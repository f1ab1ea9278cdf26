// The task service: containerd's requests to a shim, and the answers. Each method is a routine. Those that
// change a container's state take turns.

import { killContainer } from "../container/kill.ts";
import type { GlobalOptions } from "../container/options.ts";
import { processesOf } from "../container/processes.ts";
import { getStateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { encode, type ValuesOf } from "../protobuf/protobuf.ts";
import { DOCUMENT } from "./commands.ts";
import { Container } from "./container.ts";
import { statsOf } from "./container-stats.ts";
import { addExec, removeExec, startExec } from "./exec.ts";
import type { Exit } from "./loop/children.ts";
import { either, Once, type Routine } from "./loop/routine.ts";
import { readCheckpointOptions } from "./messages/options.ts";
import { PROCESS_DETAILS, STATUS, TASK_METHODS, type TaskMethod } from "./messages/task.ts";
import { timestamp } from "./messages/well-known.ts";
import { globalsFor, type ShimContext } from "./shim-context.ts";
import { itself, killError, killExec } from "./signals.ts";
import type { TaskProcess } from "./task-process.ts";
import type { Call, Method, Methods } from "./ttrpc/server.ts";
import { RequestError } from "./ttrpc/status.ts";

type Request<M extends TaskMethod> = ValuesOf<(typeof TASK_METHODS)[M][0]>;
type Response<M extends TaskMethod> = ValuesOf<(typeof TASK_METHODS)[M][1]>;
type Answers = { readonly [M in TaskMethod]: (request: Request<M>, call: Call) => Routine<Response<M>> };

/** Both versions of the service have the same methods and messages. */
const SERVICES = ["containerd.task.v2.Task", "containerd.task.v3.Task"];

export class TaskService {
  readonly #context: ShimContext;
  readonly #containers: Map<string, Container> = new Map();
  /** Ids of containers that are being created. */
  readonly #coming: Set<string> = new Set();
  /** Whether containerd has asked for the end while one was being created. */
  #isAskedMeanwhile = false;
  /** Happens when containerd says that nothing is left to do. */
  readonly asked: Once<void> = new Once();

  constructor(context: ShimContext) {
    this.#context = context;
  }

  /** The methods for a server. */
  get methods(): Methods {
    const methods = new Map<string, Method>();
    for (const [name, answer] of Object.entries(this.#answers)) {
      const [request, response] = TASK_METHODS[name as TaskMethod];
      for (const service of SERVICES) {
        methods.set(`${service}/${name}`, { request, response, answer: answer as Method["answer"] });
      }
    }
    return methods;
  }

  readonly #answers: Answers = {
    Create: (request, call) => this.#create(request, call),
    Start: (request) => this.#start(request),
    Delete: (request) => this.#delete(request),
    Exec: (request) => this.#exec(request),
    Kill: (request) => answer(() => this.#kill(request)),
    Pause: ({ id = "" }) => this.#pause(id),
    Resume: ({ id = "" }) => this.#resume(id),
    Update: (request) => this.#update(request),
    Checkpoint: (request) => this.#checkpoint(request),
    State: (request) => answer(() => this.#state(request)),
    Pids: ({ id = "" }) => answer(() => this.#pids(id)),
    Stats: ({ id = "" }) => answer(() => this.#stats(id)),
    Wait: (request, call) => this.#wait(request, call),
    ResizePty: (request) => answer(() => this.#resize(request)),
    CloseIO: (request) => answer(() => this.#closeInput(request)),
    Connect: ({ id = "" }) => answer(() => this.#connect(id)),
    Shutdown: () => answer(() => this.#shutdown()),
  };

  *#create(request: Request<"Create">, { over }: Call): Routine<Response<"Create">> {
    const { id = "", bundle = "", rootfs = [], checkpoint = "" } = request;
    // Nobody would look after it: the shim says its last words.
    if (this.asked.happened) throw new RequestError("unavailable", "the shim is about to end");
    if (this.#containers.has(id) || this.#coming.has(id)) {
      throw new RequestError("already exists", `task ${id}: already exists`);
    }
    const ended = (one: Container, exit: Exit): void => this.#initEnded(one, exit);
    const container = new Container(this.#context, request, { over, ended });
    this.#coming.add(id);
    try {
      yield* this.#context.publisher.room();
      yield* this.#telling(container.init, () => this.#make(container, { bundle, rootfs, checkpoint }));
    } finally {
      this.#coming.delete(id);
      if (this.#isAskedMeanwhile) this.#shutdown();
    }
    return { pid: container.init.pid };
  }

  *#make(
    container: Container,
    asked: Pick<Request<"Create">, "bundle" | "rootfs" | "checkpoint">,
  ): Routine<void> {
    yield* container.turn.take(() => container.create());
    const { id, init } = container;
    this.#containers.set(id, container);
    const { pid, stdio: io } = init;
    this.#context.publisher.publish("TaskCreate", { containerId: id, ...asked, io, pid });
  }

  *#start({ id = "", execId = "" }: Request<"Start">): Routine<Response<"Start">> {
    const container = this.#container(id);
    const process = processOf(container, execId);
    yield* this.#context.publisher.room();
    const start = (): Routine<void> =>
      execId === "" ? this.#startInit(container) : this.#startExec(container, process);
    yield* this.#telling(process, start);
    return { pid: process.pid };
  }

  /**
   * Does `action`, which makes a process known to containerd. containerd learns of its end only afterwards.
   */
  *#telling(process: TaskProcess, action: () => Routine<void>): Routine<void> {
    const told: Once<void> = new Once();
    process.telling ??= told;
    try {
      yield* action();
    } finally {
      if (process.telling === told) process.telling = undefined;
      told.happen(undefined);
    }
  }

  *#startInit(container: Container): Routine<void> {
    const { id, init } = container;
    yield* container.turn.take(function* () {
      init.allow("start");
      yield* container.start();
    });
    this.#context.publisher.publish("TaskStart", { containerId: id, pid: init.pid });
  }

  *#startExec(container: Container, process: TaskProcess): Routine<void> {
    const { id: containerId } = container;
    // It may have been made, but have lost its streams: then the start fails, and the end is not told either.
    let isStarted = false;
    const ended = (exit: Exit): void => {
      process.end(exit);
      process.afterTelling(() => {
        if (isStarted) this.#tellEnd(container, process);
        process.over.happen(undefined);
      });
    };
    try {
      yield* process.turn.take(() => startExec(this.#context, container, process, ended));
    } finally {
      if (process.pid === 0) process.over.happen(undefined);
    }
    isStarted = true;
    this.#context.publisher.publish("TaskExecStarted", { containerId, execId: process.id, pid: process.pid });
  }

  *#delete({ id = "", execId = "" }: Request<"Delete">): Routine<Response<"Delete">> {
    const container = this.#container(id);
    const process = processOf(container, execId);
    if (execId === "") {
      yield* container.turn.take(function* () {
        process.allow("delete");
        yield* container.remove();
      });
      this.#containers.delete(id);
    } else {
      yield* process.turn.take(function* () {
        process.allow("delete");
        yield* removeExec(container, process);
      });
    }
    const ended = endOf(process);
    if (execId === "") {
      this.#context.publisher.publish("TaskDelete", { containerId: id, pid: process.pid, ...ended });
    }
    return { pid: process.pid, ...ended };
  }

  *#exec(request: Request<"Exec">): Routine<Response<"Exec">> {
    yield* this.#context.publisher.room();
    const { id = "", execId = "" } = request;
    const container = this.#container(id);
    container.init.allow("exec");
    addExec(container, request);
    this.#context.publisher.publish("TaskExecAdded", { containerId: id, execId });
    return {};
  }

  #kill({ id = "", execId = "", signal = 0, all = false }: Request<"Kill">): Response<"Kill"> {
    const container = this.#container(id);
    const process = processOf(container, execId);
    if (process.state === "deleted") throw new RequestError("not found", "cannot kill a deleted process");
    try {
      if (execId === "") killContainer(this.#globals(container), { id, signal, all, asker: itself() });
      else killExec(process, signal);
    } catch (error) {
      throw killError(error);
    }
    return {};
  }

  *#pause(id: string): Routine<Response<"Pause">> {
    const container = this.#container(id);
    yield* container.turn.take(function* () {
      container.init.allow("pause");
      yield* container.pause();
    });
    this.#context.publisher.publish("TaskPaused", { containerId: id });
    return {};
  }

  *#resume(id: string): Routine<Response<"Resume">> {
    const container = this.#container(id);
    yield* container.turn.take(function* () {
      container.init.allow("resume");
      yield* container.resume();
    });
    this.#context.publisher.publish("TaskResumed", { containerId: id });
    return {};
  }

  *#update({ id = "", resources }: Request<"Update">): Routine<Response<"Update">> {
    const container = this.#container(id);
    yield* container.turn.take(function* () {
      container.init.allow("update");
      const words = ["update", "--resources", DOCUMENT, id];
      yield* container.run("OCI runtime update failed", words, resources?.value ?? new Uint8Array(0));
    });
    return {};
  }

  *#checkpoint({ id = "", path = "", options }: Request<"Checkpoint">): Routine<Response<"Checkpoint">> {
    const container = this.#container(id);
    yield* container.turn.take(function* () {
      container.init.allow("checkpoint");
      yield* container.checkpoint(path, readCheckpointOptions(options));
    });
    this.#context.publisher.publish("TaskCheckpointed", { containerId: id, checkpoint: path });
    return {};
  }

  #state({ id = "", execId = "" }: Request<"State">): Response<"State"> {
    const container = this.#container(id);
    const process = processOf(container, execId);
    const { pid, stdio, state } = process;
    const isPaused = container.init.state === "paused" && state === "running";
    const status = STATUS[isPaused ? "paused" : state === "deleted" ? "stopped" : state];
    return { id: process.id, bundle: container.bundle, pid, status, ...stdio, ...endOf(process), execId };
  }

  #pids(id: string): Response<"Pids"> {
    const container = this.#container(id);
    using directory = getStateDirectory(container.command.root, id);
    const execs = new Map([...container.execs.values()].map((one) => [one.pid, one.id]));
    const processes = (processesOf(directory.load()) ?? []).map((pid) => {
      const execId = execs.get(pid);
      if (execId === undefined) return { pid };
      const value = encode(PROCESS_DETAILS, { execId });
      return { pid, info: { typeUrl: "containerd.runc.v1.ProcessDetails", value } };
    });
    return { processes };
  }

  #stats(id: string): Response<"Stats"> {
    const container = this.#container(id);
    try {
      return { stats: statsOf(this.#globals(container), id) };
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      throw new RequestError("not found", `cgroup does not exist: ${error.message}`);
    }
  }

  *#wait({ id = "", execId = "" }: Request<"Wait">, { over }: Call): Routine<Response<"Wait">> {
    const process = processOf(this.#container(id), execId);
    yield* either(process.exited, over);
    return endOf(process);
  }

  #resize({ id = "", execId = "", width = 0, height = 0 }: Request<"ResizePty">): Response<"ResizePty"> {
    const process = processOf(this.#container(id), execId);
    if (execId !== "") process.allow("resize");
    process.streams?.resize(width, height);
    return {};
  }

  #closeInput({ id = "", execId = "" }: Request<"CloseIO">): Response<"CloseIO"> {
    processOf(this.#container(id), execId).streams?.closeInput();
    return {};
  }

  #connect(id: string): Response<"Connect"> {
    return { shimPid: process.pid, taskPid: this.#containers.get(id)?.init.pid ?? 0 };
  }

  /** The shim of a pod stays as long as one of its containers exists or is being created. */
  #shutdown(): Response<"Shutdown"> {
    const isEmpty = this.#containers.size === 0;
    this.#isAskedMeanwhile = isEmpty && this.#coming.size > 0;
    if (isEmpty && this.#coming.size === 0) this.asked.happen(undefined);
    return {};
  }

  /** The end of the first process is reported last, after the ends of the processes that were exec'd. */
  #initEnded(container: Container, exit: Exit): void {
    const execs = [...container.execs.values()];
    const starting = execs.filter(({ telling }) => telling !== undefined);
    const running = execs.filter(({ state, telling }) => state === "running" && telling === undefined);
    if (execs.some(({ state }) => state === "running") || container.options.outlivesItsInit) {
      this.#killAll(container);
    }
    let left = starting.length + running.length;
    const end = (): void => this.#end(container, exit);
    const tell = (): void => container.init.afterTelling(() => container.afterOom(end));
    if (left === 0) tell();
    for (const { over } of [...starting, ...running]) {
      over.tell(() => {
        left -= 1;
        if (left === 0) tell();
      });
    }
    // Its process may have been made after all others were killed.
    for (const process of starting) {
      process.afterTelling(() => {
        if (process.state === "running") this.#killAll(container);
      });
    }
  }

  #killAll(container: Container): void {
    try {
      killContainer(this.#globals(container), { id: container.id, signal: SIGKILL, all: true });
    } catch (error) {
      this.#context.log(`cannot end all of container "${container.id}": ${String(error)}`);
    }
  }

  #end(container: Container, exit: Exit): void {
    container.init.end(exit);
    // containerd was never told of a container that could not be made.
    if (this.#containers.get(container.id) !== container) return;
    container.rememberEnd(exit);
    this.#tellEnd(container, container.init);
  }

  #tellEnd({ id: containerId }: Container, process: TaskProcess): void {
    const { id, pid } = process;
    this.#context.publisher.publish("TaskExit", { containerId, id, pid, ...endOf(process) });
  }

  #container(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RequestError("not found", "container not created");
    return container;
  }

  #globals({ command: { root, systemdCgroup } }: Container): GlobalOptions {
    return globalsFor({ root, systemdCgroup, tell: this.#context.log });
  }
}

// biome-ignore lint/correctness/useYield: this answer waits for nothing
function* answer<T>(find: () => T): Routine<T> {
  return find();
}

function processOf(container: Container, execId: string): TaskProcess {
  if (execId === "") return container.init;
  const found = container.execs.get(execId);
  if (found === undefined) throw new RequestError("not found", `process does not exist ${execId}: not found`);
  return found;
}

function endOf({ exited: { value } }: TaskProcess): {
  exitStatus?: number;
  exitedAt?: ReturnType<typeof timestamp>;
} {
  return value === undefined ? {} : { exitStatus: value.status, exitedAt: timestamp(value.at) };
}

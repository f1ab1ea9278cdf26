// Runs the story `exec` in the shim itself, which saves the start of a command. If a system call of it fails,
// a command does the same once more, and its word counts: it looks for the cause in the container's files,
// where a hostile file system may keep it waiting. It also takes the execs that the story leaves to it.

import { describeFailure, wholeMessage } from "../cli/report.ts";
import { execContainer } from "../container/exec.ts";
import type { ExecOptions } from "../container/options.ts";
import { TsrunError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import { open, remove } from "../linux/files/files.ts";
import { O_RDWR } from "../linux/numbers/fcntl.ts";
import { loadProcess } from "../spec/load.ts";
import { DOCUMENT, readPid, runCommand } from "./commands.ts";
import type { Container } from "./container.ts";
import type { Routine } from "./loop/routine.ts";
import { globalsFor, type ShimContext } from "./shim-context.ts";
import type { Streams } from "./streams/streams.ts";
import type { TaskProcess } from "./task-process.ts";

const FAILURE = "OCI runtime exec failed";
/** Checking a larger document would keep the other requests waiting for some milliseconds; bytes. */
const LARGEST_DOCUMENT = 32 << 10;

/** All that `exec --detach --process FILE` leaves at its default. */
const DEFAULTS: Omit<ExecOptions, "id" | "process" | "inShim"> = {
  args: [],
  cwd: undefined,
  env: [],
  tty: false,
  user: undefined,
  additionalGids: [],
  capabilities: [],
  apparmor: undefined,
  processLabel: undefined,
  noNewPrivs: undefined,
  detach: true,
  pidFile: undefined,
  consoleSocket: undefined,
  pidfdSocket: undefined,
  preserveFds: 0,
  cgroups: [],
  ignorePaused: false,
};

interface ExecWork {
  readonly context: ShimContext;
  readonly container: Container;
  readonly process: TaskProcess;
  readonly streams: Streams;
}

/** How far a story has come. */
interface Progress {
  mayHaveExecuted: boolean;
  /** Of the process; 0 until it will not be ended any more. */
  pid: number;
}

/** Runs the process in the container. Returns its pid. */
export function* runExec(work: ExecWork): Routine<number> {
  const { document = new Uint8Array(0) } = work.process;
  if (document.length > LARGEST_DOCUMENT || work.context.stories.areFull) {
    return yield* runAsCommand(work);
  }
  const progress: Progress = { mayHaveExecuted: false, pid: 0 };
  try {
    yield* work.context.stories.run(() => tellStory(work, document, progress));
  } catch (error) {
    // A program that may have done something already is not run again.
    if (progress.pid === 0 && (progress.mayHaveExecuted || isFinal(error))) {
      throw new Error(`${FAILURE}: ${wholeMessage(describeFailure(error)).trim()}`);
    }
  }
  return progress.pid === 0 ? yield* runAsCommand(work) : progress.pid;
}

/** Whether a command would fail with the same words: no call was refused, so it would find no cause. */
function isFinal(error: unknown): boolean {
  return error instanceof TsrunError && error.errno === undefined && error.subject === undefined;
}

function tellStory(work: ExecWork, document: Uint8Array, progress: Progress): void {
  const { context, container, streams } = work;
  using nothing = open("/dev/null", O_RDWR);
  const { stdin = nothing, stdout = nothing, stderr = nothing } = streams.io;
  // As of a command that succeeds, nobody sees its warnings.
  execContainer(globalsFor({ ...container.command, tell: () => {} }), {
    ...DEFAULTS,
    id: container.id,
    process: loadProcess(text(document), DOCUMENT).document,
    inShim: {
      stdio: [stdin, stdout, stderr],
      limits: context.children.limits,
      mayHaveExecuted: (may) => {
        progress.mayHaveExecuted = may;
      },
      began: (pid) => {
        progress.pid = pid;
      },
    },
  });
}

function* runAsCommand({ container, process, streams }: ExecWork): Routine<number> {
  const pidFile = `${container.bundle}/${process.id}.pid`;
  const words = ["exec", "--process", DOCUMENT, "--detach", "--pid-file", pidFile];
  yield* runCommand(container.command, {
    failure: FAILURE,
    args: [...words, ...streams.args, container.id],
    io: streams.io,
    document: process.document,
  });
  const pid = readPid(pidFile);
  remove(pidFile);
  return pid;
}

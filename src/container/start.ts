// `start`: release the first process of a created container, and find out whether it could execute.
//
// The process blocks reading the start FIFO. Its end of the result FIFO is close-on-exec: end of file means that it
// became the user's program; data is its last batch, with the errno of the call that failed.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call.ts";
import { errnoName, errnoWords } from "../linux/errno.ts";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { type Descriptor, writeAll } from "../linux/files.ts";
import { poll, processStatus } from "../linux/process.ts";
import { POLLIN } from "../linux/sched.ts";
import { syscallName } from "../linux/syscalls.ts";
import { failureInReply } from "../proxy/batch.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { statusOf } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

/** Starts a created container. Throws when it is in another state, or when its program cannot be executed. */
export function startContainer(globals: GlobalOptions, id: string): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  const status = statusOf(record, directory);
  switch (status) {
    case "created":
      break;
    case "running":
      throw new TsrunError("E_STATE", "cannot start an already running container");
    case "stopped":
      throw new TsrunError("E_STATE", "cannot start a container that has stopped");
    default:
      throw new TsrunError("E_STATE", `cannot start a container in the ${status} state`);
  }
  release(directory, record);
}

/** Lets the first process go, and waits until it has executed its program or failed to. */
export function release(directory: StateDirectory, record: StateRecord): void {
  const fifos = directory.openFifos({ start: O_WRONLY | O_NONBLOCK, result: O_RDONLY | O_NONBLOCK });
  if (fifos === undefined) throw new TsrunError("E_STATE", "cannot start an already running container");
  using start = fifos.start;
  using result = fifos.result;
  writeAll(start.number, "0", "to the start FIFO");
  directory.removeFifos();
  const reply = readResult(result);
  const program = directory.loadConfig().process?.args?.[0] ?? "";
  const failure = failureInReply(reply);
  if (failure !== undefined)
    throw executeError(program, { call: syscallName(failure.number), errno: failure.errno });
  const found = processStatus(record.init_process_pid);
  if (found?.name === "tsrun-init" && found.startTime === record.init_process_start && found.state === "Z") {
    throw new TsrunError(
      "E_EXEC",
      `cannot execute "${program}": the container's first process was killed before it`,
      {
        hint: "a seccomp profile that denies what execve(2) needs, or too low a memory limit, does that",
      },
    );
  }
}

/** Everything until the end of file, which the process' own execve(2) or end brings. */
function readResult(result: Descriptor): Uint8Array {
  const buffer = new Uint8Array(65536);
  let length = 0;
  for (;;) {
    poll([{ fd: result.number, events: POLLIN }]);
    const got = tryCall("read", result.number, buffer.subarray(length), buffer.length - length);
    if (got === 0) return buffer.subarray(0, length);
    if (got > 0) length += got;
  }
}

/** runc's words for what the kernel refused: `exec /x: exec format error`. */
export function executeError(program: string, { call, errno }: { call: string; errno: number }): TsrunError {
  const what = call === "execve" ? `exec ${program}` : `cannot execute "${program}": ${call}`;
  return new TsrunError("E_EXEC", `${what}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: "the kernel refuses the file: another machine's program, or a script without its interpreter",
  });
}

// `ps`: lists the processes of a container, by host pid, or as ps(1) shows them.

import { TsrunError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import { pipe, readAll } from "../linux/files/files.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import { waitFor } from "../linux/process/process.ts";
import { spawn } from "../linux/process/spawn.ts";
import type { GlobalOptions } from "./options.ts";
import { processesOf } from "./processes.ts";
import { getStateDirectory } from "./store.ts";

/** Bytes that hold the lines of 200,000 processes. */
const MOST_SAID = 32 << 20;
/** Of what it says when it fails. */
const MOST_TOLD = 4096;

/** The host pids of all processes in the container; none if it has stopped. */
export function containerProcesses(globals: GlobalOptions, id: string): number[] {
  using directory = getStateDirectory(globals.root, id);
  const processes = processesOf(directory.load());
  if (processes !== undefined) return processes;
  throw new TsrunError("E_CGROUP", `cannot list the processes of "${id}": the container has no cgroup`, {
    hint: `"exec ${id} ps" shows what it sees itself`,
  });
}

/** The output of ps(1) with these options. */
export function runPs(options: readonly string[]): string {
  const path = findInPath("ps");
  if (path === undefined) {
    throw new TsrunError("E_UNSUPPORTED", 'exec: "ps": executable file not found in $PATH', {
      hint: 'install the Debian package procps, or use "--format json"',
    });
  }
  const [output, writeEnd] = pipe();
  using held = output;
  const child = spawn({
    path,
    args: ["ps", ...options],
    environment: Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`),
    descriptors: [1, 2].map((to) => ({ from: writeEnd.number, to })),
  });
  writeEnd.close();
  const said = readAll(held.number, "the output of ps", MOST_SAID);
  // If it goes on, it gets SIGPIPE.
  output.close();
  const { status } = waitFor(child);
  if (said.length > MOST_SAID) {
    throw new TsrunError("E_EXEC", `cannot use the output of ps: it is longer than ${MOST_SAID >> 20} MiB`, {
      hint: '"--format json" does without ps',
    });
  }
  if (status === 0) return text(said);
  const told = text(said.subarray(0, MOST_TOLD)).trimEnd();
  throw new TsrunError("E_EXEC", `exit status ${status}: ${told}`, {
    hint: `ps was called as: ps ${options.join(" ")}`,
  });
}

// Drives an interpreter over its control socket, natively or in an emulator, and prints what it saw as JSON.
// Run under Bun by test/e2e/proxy.test.ts, since Node can neither make a SOCK_SEQPACKET pair nor load the
// system call layer:
//
//   bun test/support/proxy-driver.ts MACHINE plain|clocked [EMULATOR]

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { socketPair } from "../../src/linux/files/sockets.ts";
import { O_CREAT, O_NONBLOCK, O_RDWR, O_WRONLY } from "../../src/linux/numbers/fcntl.ts";
import { SIGHUP, SIGKILL, SIGTERM } from "../../src/linux/numbers/sched.ts";
import { SOCK_SEQPACKET } from "../../src/linux/numbers/socket-numbers.ts";
import type { Machine } from "../../src/linux/numbers/syscalls.ts";
import { neverExecuted, processStatus, waitFor } from "../../src/linux/process/process.ts";
import { openChild, signalChild } from "../../src/linux/process/process-handle.ts";
import { spawn } from "../../src/linux/process/spawn.ts";
import { handleTermination } from "../../src/process/execute.ts";
import { data, out } from "../../src/proxy/calls/arguments.ts";
import {
  clone,
  close,
  dup3,
  execve,
  fstatfs,
  openat,
  type Reading,
  read,
  write,
} from "../../src/proxy/calls/calls.ts";
import {
  inChild,
  inParent,
  type Operation,
  operation,
  orGoOn,
  resultOf,
} from "../../src/proxy/calls/operation.ts";
import { proxyExecutable } from "../../src/proxy/machine/elf.ts";
import { SyscallProxy } from "../../src/proxy/proxy.ts";

const [machineName = "", kind, emulator] = process.argv.slice(2);
const machine: Machine = machineName === "arm64" ? "arm64" : "x86-64";
const scratch = mkdtempSync("/tmp/tsrun-proxy-");

/** Far above what an emulator opens for itself. */
const CONTROL = 200;
const CHILD_SOCKET = 201;
const SIGCHLD = 17;

interface Started {
  readonly proxy: SyscallProxy;
  readonly childSocket: ReturnType<typeof socketPair>[0];
}

let starts = 0;

/** Starts a proxy with a second socket for a child. */
function start(): Started {
  starts += 1;
  const path = join(scratch, `proxy-${starts}`);
  writeFileSync(path, proxyExecutable(machine, CONTROL, kind === "clocked"), { mode: 0o755 });
  const [ours, theirs] = socketPair(SOCK_SEQPACKET);
  const [childSocket, childEnd] = socketPair(SOCK_SEQPACKET);
  const pid = spawn({
    path: emulator ?? path,
    args: emulator === undefined ? ["proxy"] : [emulator, path],
    environment: [],
    descriptors: [
      { from: theirs.number, to: CONTROL },
      { from: childEnd.number, to: CHILD_SOCKET },
    ],
  });
  theirs.close();
  childEnd.close();
  return {
    proxy: new SyscallProxy(pid, { socket: ours, control: CONTROL, trace: undefined, machine }),
    childSocket,
  };
}

const results = (operations: readonly Operation[]) => operations.map(({ result }) => result ?? null);
const getpid = () => operation("getpid", [], "ask for the pid");
const failing = () => operation("close", [999], "close what is not open");

/** lseek(2) on a file returns any number that it is given. */
const numberOf = (file: Operation, value: number) => operation("lseek", [file, value, 0], "make a number");

/** Reports the results of calls, and which calls are made after a failure. */
function stopping({ proxy }: Started): unknown {
  const stop = [getpid(), failing(), getpid()];
  const stopped = proxy.attempt(stop);
  const goOn = [orGoOn(failing()), getpid()];
  const passed = proxy.attempt(goOn);
  return {
    pid: proxy.pid,
    stop: results(stop),
    stopped: stopped === stop[1],
    goOn: results(goOn),
    passed: passed === undefined,
  };
}

/**
 * Retries of a call that always fails with EAGAIN end, and its arguments are intact; other calls are made
 * once.
 */
function tryingAgain({ proxy }: Started): unknown {
  const path = join(scratch, "fifo");
  execFileSync("mkfifo", [path]);
  const fifo = openat(-100, path, O_RDWR | O_NONBLOCK);
  const empty: Reading = { ...read(fifo, 1, "read"), retries: true, goOn: true };
  const full: Reading = { ...read(fifo, 2, "read"), retries: true };
  proxy.run([fifo, empty, write(fifo, "xy", "write"), full, close(fifo)]);
  return results([empty, full]);
}

/** Uses an earlier result as each argument. */
function earlierResults({ proxy }: Started): unknown {
  const sparse = join(scratch, "sparse");
  writeFileSync(sparse, `${"\0".repeat(4096)}the second page`);
  const file = openat(-100, sparse, O_RDWR);
  const [page, one, two, mode] = [4096, 1, 2, 0o640].map((value) => numberOf(file, value));
  if (page === undefined || one === undefined || two === undefined || mode === undefined) throw new Error();
  const created = operation(
    "openat",
    [-100, join(scratch, "created"), O_WRONLY | O_CREAT, mode],
    "create a file",
  );
  // mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 4096): every argument but the first is an earlier result.
  const map = operation("mmap", [0, page, one, two, file, page], "map");
  const copy = operation("write", [created, map, 15], "write what is mapped");
  proxy.run([file, page, one, two, mode, operation("umask", [0], "clear"), created, map, copy, close(file)]);
  const flags = [file, created].map((of) => orGoOn(operation("fcntl", [of.result ?? -1, 1], "look")));
  proxy.run(flags);
  return {
    content: readFileSync(join(scratch, "created"), "utf8"),
    mode: modeOf("created"),
    open: results(flags),
  };
}

function modeOf(name: string): string {
  return (statSync(join(scratch, name)).mode & 0o7777).toString(8);
}

/** Tests memory that calls read and fill, and numbers beyond 32 bits. */
function memory({ proxy }: Started): unknown {
  const path = join(scratch, "file");
  const file = openat(-100, path, O_RDWR | O_CREAT, "open", 0o600);
  const far = operation("lseek", [file, 2 ** 40 + 7, 0], "seek far");
  const back = operation("lseek", [file, 0, 0], "seek back");
  const first: Reading = read(file, 5, "read");
  const second: Reading = read(file, 100, "read");
  const status = fstatfs(file, "look");
  proxy.run([file, write(file, "hello world", "write"), far, back, first, second, status, close(file)]);
  return {
    far: far.result,
    first: Buffer.from(first.out.bytes).toString(),
    second: Buffer.from(second.out.bytes.subarray(0, second.result)).toString(),
    fault: fault(proxy),
  };
}

/** A pointer that leads nowhere is an errno, not the end of the proxy. */
function fault(proxy: SyscallProxy): unknown {
  const bad = [operation("write", [CONTROL, 0xdead_0000, 1], "write from nowhere")];
  proxy.attempt(bad);
  return bad[0]?.result;
}

/** A clone within a batch: which process makes which operation, and on which socket it answers. */
function cloning({ proxy, childSocket }: Started): unknown {
  const before = [inChild(getpid()), inParent(getpid())];
  const clone: Operation = { ...operation("clone", [SIGCHLD, 0, 0, 0, 0], "clone"), clones: true };
  const moves = [dup3(CHILD_SOCKET, CONTROL, 0), close(CHILD_SOCKET)];
  const after = [inChild(getpid()), inParent(getpid()), getpid()];
  const batch = [...before, clone, ...moves.map(inChild), inParent(close(CHILD_SOCKET)), ...after];
  proxy.run(batch);
  const child = proxy.child(childSocket);
  const seenByParent = { before: results(before), after: results(after) };
  // The parent continues as before, and later batches treat the child as a child.
  const again = [inChild(getpid()), inParent(getpid()), operation("getppid", [], "ask")];
  child.run(again);
  const parent = [inChild(getpid()), inParent(getpid())];
  proxy.run(parent);
  child.close();
  const wait = out(4);
  const reap = operation("wait4", [child.pid, wait, 0, 0], "reap the child");
  proxy.run([reap]);
  return {
    pids: { parent: proxy.pid, child: child.pid },
    seenByParent,
    child: results(again),
    parent: results(parent),
    reaped: reap.result,
    status: new DataView(wait.bytes.buffer).getUint32(0, true) >> 8,
  };
}

/** More data than a message holds, and the largest number of operations in one. */
function large({ proxy }: Started): unknown {
  const path = join(scratch, "large");
  const bytes = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
  const file = openat(-100, path, O_WRONLY | O_CREAT, "open", 0o600);
  const whole = operation("write", [file, data(bytes, () => "…"), bytes.length], "write");
  proxy.run([file, whole, close(file)]);
  const many = Array.from({ length: 1400 }, getpid);
  proxy.run(many);
  return {
    written: whole.result,
    same: Buffer.compare(readFileSync(path), bytes) === 0,
    many: many.every(({ result }) => result === proxy.pid),
  };
}

/** The proxy exits after the last batch, and at end of file. */
function ending(): unknown {
  const last = start();
  const operations = [getpid()];
  last.proxy.run(operations, { last: true });
  const afterLast = waitFor(last.proxy.pid);
  const failed = start();
  failed.proxy.attempt([failing(), getpid()], { last: true });
  const afterFailure = waitFor(failed.proxy.pid);
  const left = start();
  left.proxy.close();
  return {
    answered: operations[0]?.result === last.proxy.pid,
    statuses: [afterLast.status, afterFailure.status, waitFor(left.proxy.pid).status],
  };
}

/** execve(2): its failure is an answer; an environment of 1 MiB reaches the program whole. */
function executing(): unknown {
  const { proxy } = start();
  const failure = execve("/nonexistent", ["x"], []);
  proxy.attempt([failure]);
  const environment = Array.from({ length: 20_000 }, (_, index) => `V${index}=${"x".repeat(50)}`);
  const output = join(scratch, "environment");
  const file = openat(-100, output, O_WRONLY | O_CREAT, "open", 0o600);
  const stopped = proxy.execute([file, dup3(file, 1, 0), execve("/usr/bin/env", ["env"], environment)]);
  const end = waitFor(proxy.pid);
  return {
    failure: failure.result,
    stopped: stopped?.call ?? null,
    status: end?.status,
    whole: readFileSync(output, "utf8") === environment.map((entry) => `${entry}\n`).join(""),
  };
}

/** For zombies: whether they had executed a program. */
function endedBefore(): unknown {
  const named = join(scratch, "tsrun-init");
  copyFileSync("/bin/true", named);
  const executed = spawn({ path: named, args: [named], environment: [], descriptors: [] });
  const { proxy } = start();
  const child = clone(SIGCHLD, "clone");
  proxy.run([child, inChild(operation("exit_group", [0], "leave"))]);
  const never = resultOf(child);
  for (const pid of [executed, never]) openChild(pid).waitForEnd();
  const seen = [executed, never].map((pid) => [processStatus(pid)?.state, neverExecuted(pid)]);
  waitFor(executed);
  return seen;
}

/** Signals end a process with the handler, whatever its pid; the handler sets the exit status. */
function terminating(): unknown {
  const statuses = [SIGHUP, SIGTERM].map((signal) => {
    const { proxy } = start();
    proxy.run(handleTermination());
    signalChild(proxy.pid, signal);
    return waitFor(proxy.pid);
  });
  return statuses.map((ended) => [ended.signal, ended.status]);
}

const started = start();
try {
  const report = {
    stopping: stopping(started),
    endedBefore: endedBefore(),
    tryingAgain: tryingAgain(started),
    earlierResults: earlierResults(started),
    memory: memory(started),
    cloning: cloning(started),
    large: large(started),
    ending: ending(),
    executing: executing(),
    terminating: terminating(),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  signalChild(started.proxy.pid, SIGKILL);
  rmSync(scratch, { recursive: true });
}

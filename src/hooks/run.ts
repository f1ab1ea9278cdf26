// Running hooks: in the runtime's namespaces as children of tsrun, or inside the container as children of its
// first process. Called by the create, start and delete stories.

import { wrapError } from "../errors.ts";
import { tryCall } from "../linux/call.ts";
import { errnoWords } from "../linux/errno.ts";
import { O_CLOEXEC } from "../linux/fcntl.ts";
import { Descriptor } from "../linux/files.ts";
import { poll, waitFor } from "../linux/process.ts";
import { POLLIN, SIGKILL } from "../linux/sched.ts";
import { spawn } from "../linux/spawn.ts";
import { u64Struct, viewOf } from "../linux/words.ts";
import { data, out, shown } from "../proxy/arguments.ts";
import { failureInReply } from "../proxy/batch.ts";
import { chdir, dup3, execve } from "../proxy/calls.ts";
import { inChild, type Operation, operation, resultOf } from "../proxy/operation.ts";
import type { SyscallProxy } from "../proxy/proxy.ts";
import type { Hook, Hooks } from "../spec/types.ts";
import { Capture } from "./capture.ts";
import {
  argumentsOf,
  type HookEnd,
  type HookKind,
  type HookState,
  hookError,
  hookNotExecuted,
  hookTimeout,
} from "./plan.ts";

const CLONE_PIDFD = 0x1000;
const CHILD_SIGNAL = 17n;

/** Runs the hooks of one kind on the host, one after the other; the first failure stops them. */
export function runHooks(hooks: Hooks | undefined, kind: HookKind, state: HookState): void {
  const list = hooks?.[kind] ?? [];
  if (list.length === 0) return;
  using capture = new Capture();
  list.forEach((hook, index) => {
    capture.prepare(JSON.stringify(state));
    runOnHost({ kind, hook, index, capture, directory: state.bundle });
  });
}

interface HostHook {
  readonly kind: HookKind;
  readonly hook: Hook;
  readonly index: number;
  readonly capture: Capture;
  readonly directory: string;
}

function runOnHost({ kind, hook, index, capture, directory }: HostHook): void {
  let pid: number;
  try {
    pid = spawn({
      path: hook.path,
      args: argumentsOf(hook),
      // AS RUNC: a hook without an environment of its own gets the runtime's.
      environment: hook.env ?? Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`),
      descriptors: (["stdin", "stdout", "stderr"] as const).map((name, to) => ({
        from: capture.number(name),
        to,
      })),
      directory,
    });
  } catch (error) {
    throw wrapError(`error running ${kind} hook #${index}`, error);
  }
  using handle = new Descriptor(tryCall("pidfd_open", pid, 0));
  const [ended = 0] = poll([{ fd: handle.number, events: POLLIN }], timeoutMs(hook));
  if (ended === 0) tryCall("pidfd_send_signal", handle.number, SIGKILL, 0, 0);
  const end = waitFor(pid);
  if (ended === 0) throw hookTimeout(kind, index, hook);
  check({ kind, hook, index, capture }, end?.status ?? 0, end?.signal ?? 0);
}

function timeoutMs(hook: Hook): number | undefined {
  return hook.timeout === undefined || hook.timeout <= 0 ? undefined : hook.timeout * 1000;
}

interface InnerHook {
  readonly kind: HookKind;
  readonly state: HookState;
  readonly capture: Capture;
  /** What the first capture file is in the proxy; the others follow. */
  readonly firstSlot: number;
  /** The hook's working directory; AS RUNC the rootfs, before pivot_root, for createContainer. */
  readonly directory: string;
}

/** Runs the hooks of one kind as children of the container's first process. */
export function runInnerHooks(proxy: SyscallProxy, hooks: Hooks | undefined, inner: InnerHook): void {
  (hooks?.[inner.kind] ?? []).forEach((hook, index) => {
    inner.capture.prepare(JSON.stringify(inner.state));
    runInside(proxy, { ...inner, hook, index });
  });
}

function runInside(proxy: SyscallProxy, inner: InnerHook & { hook: Hook; index: number }): void {
  const { hook, kind, index, firstSlot, directory, capture } = inner;
  const attempt = `run ${kind} hook #${index}`;
  const pidfd = out(8);
  const clone = cloneWithHandle(pidfd, attempt);
  const child = [
    ...[0, 1, 2].map((to) => dup3(firstSlot + to, to, 0, attempt)),
    // If it cannot execute, the answer of its batch goes to the fourth file, and it reads the end of file
    // there.
    dup3(firstSlot + 3, proxy.control, O_CLOEXEC, attempt),
    chdir(directory, attempt),
    execve(hook.path, argumentsOf(hook), hook.env ?? []),
  ];
  proxy.run([clone, ...child.map(inChild)]);
  const handle = viewOf(pidfd.bytes).getInt32(0, true);
  const wait = waitReady(handle, timeoutMs(hook), attempt);
  proxy.run([wait]);
  const timedOut = resultOf(wait) === 0;
  const status = out(4);
  proxy.run([
    ...(timedOut ? [operation("pidfd_send_signal", [handle, SIGKILL, 0, 0], attempt)] : []),
    operation("wait4", [resultOf(clone), status, 0, 0], attempt),
    operation("close", [handle], attempt),
  ]);
  if (timedOut) throw hookTimeout(kind, index, hook);
  const failure = failureInReply(capture.bytes("result"));
  if (failure !== undefined) throw hookNotExecuted(kind, index, hook, errnoWords(failure.errno));
  const word = viewOf(status.bytes).getInt32(0, true);
  check({ kind, hook, index, capture }, (word >> 8) & 0xff, word & 0x7f);
}

/** clone3(2) of an ordinary child with a pidfd. */
function cloneWithHandle(pidfd: ReturnType<typeof out>, attempt: string): Operation {
  const struct = data(
    u64Struct(CLONE_PIDFD, 0, 0, 0, CHILD_SIGNAL, 0, 0, 0, 0, 0, 0),
    () => "{flags=CLONE_PIDFD}",
    [{ offset: 8, to: pidfd }],
  );
  return { ...operation("clone3", [struct, 88], attempt), clones: true };
}

/** ppoll(2) inside: 0 is the time limit. */
function waitReady(handle: number, limitMs: number | undefined, attempt: string): Operation {
  const entry = new Uint8Array(8);
  viewOf(entry).setInt32(0, handle, true);
  viewOf(entry).setInt16(4, POLLIN, true);
  const limit =
    limitMs === undefined
      ? shown(0, "NULL")
      : data(u64Struct(Math.floor(limitMs / 1000), (limitMs % 1000) * 1e6), () => `{${limitMs} ms}`);
  return operation("ppoll", [data(entry, () => `[{fd=${handle}}]`), 1, limit, 0, 8], attempt);
}

function check(
  { kind, hook, index, capture }: { kind: HookKind; hook: Hook; index: number; capture: Capture },
  status: number,
  signal: number,
): void {
  if (status === 0 && signal === 0) return;
  const end: HookEnd = { status, signal, stdout: capture.text("stdout"), stderr: capture.text("stderr") };
  throw hookError(kind, index, hook, end);
}

// The FIFOs that containerd makes and reads (fifo(7)). While one waits to be opened, other requests go on.

import { hasErrno, mustCall } from "../../linux/call/call.ts";
import { type Descriptor, makeDirectories, open, status } from "../../linux/files/files.ts";
import {
  O_APPEND,
  O_CREAT,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFIFO,
} from "../../linux/numbers/fcntl.ts";
import type { Loop } from "../loop/loop.ts";
import { type Routine, waitFor } from "../loop/routine.ts";
import { RequestError } from "../ttrpc/status.ts";

/** How long the caller may take to open a FIFO for reading: as long as under containerd's own shim. */
const READER_MS = 30_000;
/** The pause between two attempts grows from the first of these to the second, milliseconds. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [1, 50];

export interface Sink {
  readonly descriptor: Descriptor;
  /** A reader of our own. Without a reader, writing would fail while containerd is away. */
  readonly keeper: Descriptor | undefined;
}

/** Opens what the container's output goes to: a FIFO, once the caller reads it, or an existing file. */
export function* openSink(loop: Loop, path: string): Routine<Sink> {
  if (!isFifo(path)) {
    // A terminal whose other end is not read must not hold up the shim, nor become its own.
    const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
    return { descriptor: open(path, flags), keeper: undefined };
  }
  const descriptor = yield* openWhenRead(loop, path);
  try {
    return { descriptor, keeper: open(path, O_RDONLY | O_NONBLOCK) };
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

/**
 * Waits for a reader. If the process ended before its reader came, nobody would have the FIFO open any more:
 * the output would be lost, and the reader would wait for a writer for ever.
 */
function* openWhenRead(loop: Loop, path: string): Routine<Descriptor> {
  const latest = performance.now() + READER_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const writer = openIfRead(path);
    if (writer !== undefined) return writer;
    if (performance.now() > latest) {
      throw new RequestError("deadline exceeded", `nobody has opened "${path}" for reading within 30 s`);
    }
    yield* waitFor<void>((resume) => void loop.after(pause, () => resume()));
  }
}

function openIfRead(path: string): Descriptor | undefined {
  try {
    return open(path, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    // There is no reader.
    if (hasErrno(error, "ENXIO")) return undefined;
    throw error;
  }
}

/** Makes the file that `file://` names, and missing directories above it. A FIFO is opened later. */
export function prepareFile(path: string): void {
  makeDirectories(path.slice(0, Math.max(path.lastIndexOf("/"), 0)), 0o755);
  if (status(path)?.type === S_IFIFO) return;
  open(path, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK | O_NOCTTY, { mode: 0o644 }).close();
}

export interface Source {
  readonly descriptor: Descriptor;
  /** A writer of our own: while it is open, the container's input does not end. */
  readonly holder: Descriptor;
}

/** Opens what the container's input comes from. It has to be a FIFO: nothing else can be waited for. */
export function openSource(path: string): Source {
  if (!isFifo(path)) throw new RequestError("invalid argument", `cannot read "${path}": it is no FIFO`);
  // First the reader: a writer that does not wait is refused while there is none.
  const descriptor = open(path, O_RDONLY | O_NONBLOCK);
  try {
    return { descriptor, holder: open(path, O_WRONLY | O_NONBLOCK) };
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

function isFifo(path: string): boolean {
  const found = status(path);
  if (found === undefined)
    throw new RequestError("not found", `cannot open "${path}": there is no such FIFO`);
  return found.type === S_IFIFO;
}

/** Gives a pipe's end to the container's user, whose process may open it again through /proc. */
export function give(descriptor: Descriptor, uid: number, gid: number): void {
  if (uid === 0 && gid === 0) return;
  mustCall("give a pipe to the container's user", "fchown", descriptor.number, uid, gid);
}

// The FIFOs that containerd makes and reads (fifo(7)). Opening them never blocks.

import { mustCall } from "../../linux/call/call.ts";
import { type Descriptor, makeDirectories, open, status } from "../../linux/files/files.ts";
import { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY, S_IFIFO } from "../../linux/numbers/fcntl.ts";
import { RequestError } from "../ttrpc/status.ts";

export interface Sink {
  readonly descriptor: Descriptor;
  /** A reader of our own. Without a reader, writing would fail while containerd is away. */
  readonly keeper: Descriptor | undefined;
}

/** Opens what the container's output goes to: a FIFO, or an existing file. */
export function openSink(path: string): Sink {
  if (!isFifo(path)) return { descriptor: open(path, O_WRONLY | O_APPEND), keeper: undefined };
  // First the reader: a writer that does not wait is refused while there is none (ENXIO).
  const { reader: keeper, writer: descriptor } = openBoth(path);
  return { descriptor, keeper };
}

/**
 * Makes the file that `file://` names, and missing directories above it. If it is a FIFO, this does not wait
 * for its reader.
 */
export function prepareFile(path: string): void {
  makeDirectories(path.slice(0, Math.max(path.lastIndexOf("/"), 0)), 0o755);
  if (status(path)?.type === S_IFIFO) return;
  open(path, O_APPEND | O_CREAT | O_WRONLY, { mode: 0o644 }).close();
}

export interface Source {
  readonly descriptor: Descriptor;
  /** A writer of our own: while it is open, the container's input does not end. */
  readonly holder: Descriptor;
}

/** Opens what the container's input comes from. Nothing else than a FIFO can be waited for. */
export function openSource(path: string): Source {
  if (!isFifo(path)) throw new RequestError("invalid argument", `cannot read "${path}": it is no FIFO`);
  const { reader: descriptor, writer: holder } = openBoth(path);
  return { descriptor, holder };
}

function openBoth(path: string): { readonly reader: Descriptor; readonly writer: Descriptor } {
  const reader = open(path, O_RDONLY | O_NONBLOCK);
  try {
    return { reader, writer: open(path, O_WRONLY | O_NONBLOCK) };
  } catch (error) {
    reader.close();
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

// The running shim: it listens on the socket that `start` has made, and ends when containerd says that
// nothing is left.

import { keepReserve } from "../engine/host/memory.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { utf8 } from "../linux/call/words.ts";
import { Descriptor, remove } from "../linux/files/files.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDWR } from "../linux/numbers/fcntl.ts";
import { PR_SET_CHILD_SUBREAPER, PR_SET_NAME } from "../linux/numbers/sched.ts";
import type { ShimOptions } from "./command-line.ts";
import { Children } from "./loop/children.ts";
import { Loop } from "./loop/loop.ts";
import { type Routine, start, waitFor } from "./loop/routine.ts";
import { Stories } from "./loop/story.ts";
import { Publisher } from "./publisher.ts";
import { TaskService } from "./service.ts";
import { groupOf, socketOf } from "./start.ts";
import { Server } from "./ttrpc/server.ts";

/** The number of the listening socket, from `start`. */
const LISTENER = 3;
/** How long sending the last events and answers may take, milliseconds. */
const LAST_WORDS_MS = 5_000;

export function serve(options: ShimOptions): void {
  keepReserve();
  // If a terminal or a service manager ends containerd, the containers run on.
  tryCall("setsid");
  mustCall("become the parent of orphans", "prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  tryCall("prctl", PR_SET_NAME, "containerd-shim", 0, 0, 0);
  const socket = socketOf(options, groupOf("config.json") ?? options.id);
  const log = openLog(options.id);
  const loop = new Loop((error) =>
    log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  const { namespace } = options;
  const publisher = new Publisher(loop, { address: process.env.TTRPC_ADDRESS, namespace, log });
  const children = new Children(loop, () => loop.end());
  const stories = new Stories(loop);
  const service = new TaskService({ loop, children, stories, publisher, namespace, log });
  const server = new Server(loop, new Descriptor(LISTENER), service.methods);
  service.asked.tell(() => {
    // From now on the next container of this name gets a shim of its own, which listens there.
    loop.attempt(() => remove(socket));
    start(lastWords(loop, publisher, server), () => loop.end());
  });
  loop.run();
  if (!service.asked.happened) remove(socket);
}

/** Sends the last events and the answer to the last request. */
function* lastWords(loop: Loop, publisher: Publisher, server: Server): Routine<void> {
  // The answer to that request comes after this handler.
  yield* waitFor<void>((resume) => void loop.after(0, () => resume()));
  yield* publisher.flush(LAST_WORDS_MS);
  for (let waited = 0; waited < 100 && !server.isFlushed; waited++) {
    yield* waitFor<void>((resume) => void loop.after(10, () => resume()));
  }
  server.close();
}

/** Opens containerd's FIFO for the log, `log` in the bundle. Writing to it never blocks. */
function openLog(id: string): (line: string) => void {
  const flags = O_RDWR | O_NONBLOCK | O_CLOEXEC;
  const fd = tryCall("openat", AT_FDCWD, "log", flags, 0);
  return (line) => {
    if (fd < 0) return;
    const message = JSON.stringify(line);
    const bytes = utf8(`time="${new Date().toISOString()}" level=warning msg=${message} id=${id}\n`);
    tryCall("write", fd, bytes, bytes.length);
  };
}

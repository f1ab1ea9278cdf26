// Receives a filter's notifications and answers them (seccomp_unotify(2)): each call is counted, then goes on
// or fails as the container's own filter says. Called by recorder.ts.
//
// The answer depends only on the call's registers, which the kernel has copied, so they cannot change any
// more. What the arguments point to is never read. If tsrun ends, the listener is closed, and every call
// fails with ENOSYS.

import { mustCall, tryCall } from "../linux/call/call.ts";
import { viewOf } from "../linux/call/words.ts";
import type { Descriptor } from "../linux/files/files.ts";
import type { PollEntry } from "../linux/files/poll.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import type { Tally } from "./tally.ts";

/** ioctl(2) SECCOMP_IOCTL_NOTIF_RECV, _SEND and _SET_FLAGS of <linux/seccomp.h> */
const RECEIVE = 0xc0502100;
const SEND = 0xc0182101;
const SET_FLAGS = 0x40082104;

/** SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6: the answer hands the processor to the waiting process. */
const SYNC_WAKE_UP = 1;

/** Bytes of `struct seccomp_notif`, and where it has `struct seccomp_data`. */
const NOTIFICATION_SIZE = 80;
const DATA_OFFSET = 16;
/** Bytes of `struct seccomp_notif_resp`: u64 id, s64 val, s32 error, u32 flags. */
const ANSWER_SIZE = 24;
const ANSWER_ERROR = 16;
const ANSWER_FLAGS = 20;
/** SECCOMP_USER_NOTIF_FLAG_CONTINUE */
const CONTINUE = 1;

/** At most this many calls are answered before other events get their turn. */
const MOST_AT_ONCE = 256;
/** How long to wait for the next call before other events get their turn, in nanoseconds. */
const PAUSE_NS = 200_000;

export class CallWatch implements Disposable {
  readonly #listener: Descriptor;
  readonly #tally: Tally;
  readonly #notification = new Uint8Array(NOTIFICATION_SIZE);
  readonly #data = new Uint32Array(this.#notification.buffer, DATA_OFFSET);
  readonly #answer = new Uint8Array(ANSWER_SIZE);
  readonly #view = viewOf(this.#answer);
  readonly #entry = new Uint8Array(8);
  readonly #pause = new Uint8Array(16);
  #isOver = false;
  #answeringMs = 0;

  constructor(listener: Descriptor, tally: Tally) {
    this.#listener = listener;
    this.#tally = tally;
    viewOf(this.#entry).setInt32(0, listener.number, true);
    viewOf(this.#entry).setInt16(4, POLLIN, true);
    viewOf(this.#pause).setInt32(8, PAUSE_NS, true);
    // Older kernels do not know the flag; they are only slower.
    tryCall("ioctl", listener.number, SET_FLAGS, SYNC_WAKE_UP);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }

  /** The time spent on answers, without the time for switching between processes. */
  get answeringMs(): number {
    return this.#answeringMs;
  }

  wanted(): PollEntry {
    return { fd: this.#isOver ? -1 : this.#listener.number, events: POLLIN };
  }

  /** Answers the calls that have arrived, and those that arrive meanwhile. */
  attend(events: number): void {
    let ready = events;
    for (let answered = 0; ready !== 0 && answered < MOST_AT_ONCE; answered++) {
      if ((ready & POLLIN) === 0) {
        // POLLHUP: no process has the filter any more.
        this.#isOver = true;
        return;
      }
      this.#answerOne();
      mustCall("wait for system calls", "ppoll", this.#entry, 1, this.#pause, 0, 8);
      ready = viewOf(this.#entry).getInt16(6, true);
    }
  }

  #answerOne(): void {
    const begun = performance.now();
    // The kernel requires zeros.
    this.#notification.fill(0);
    // Fails with ENOENT if the process has been killed since.
    if (tryCall("ioctl", this.#listener.number, RECEIVE, this.#notification) < 0) return;
    const verdict = this.#tally.note(this.#data);
    this.#answer.fill(0);
    this.#answer.set(this.#notification.subarray(0, 8));
    if (verdict === "goes on") this.#view.setUint32(ANSWER_FLAGS, CONTINUE, true);
    else this.#view.setInt32(ANSWER_ERROR, -verdict, true);
    tryCall("ioctl", this.#listener.number, SEND, this.#answer);
    this.#answeringMs += performance.now() - begun;
  }
}

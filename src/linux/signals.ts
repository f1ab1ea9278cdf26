// Signals as data: a handler of a few instructions writes each signal's number to a pipe. Called by a
// foreground `run` and `exec`. Not signalfd(2): a signal goes to any thread that does not block it, and the
// engine's threads do not.

import { mustCall, tryCall } from "./call.ts";
import { O_NONBLOCK } from "./fcntl.ts";
import { Descriptor, pipe, writeAll } from "./files.ts";
import { SA_RESTORER, SIGNAL_SET_SIZE } from "./sched.ts";
import { machine } from "./syscalls.ts";
import { cString, u64Struct } from "./words.ts";

const PROT_READ = 1;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const PAGE = 65536;
const SA_RESTART = 0x10000000;
const F_SETFL = 4;
const LAST_SIGNAL = 64;

/**
 * Left alone: what cannot be caught (9, 19), what a fault of ours brings (4, 5, 7, 8, 11), what the engine
 * uses for itself (13 ignored, 30 and 31), and glibc's two (32, 33).
 */
const LEFT_ALONE: readonly number[] = [4, 5, 7, 8, 9, 11, 13, 19, 30, 31, 32, 33];

/** push rdi; mov edi, PIPE; mov rsi, rsp; mov edx, 1; mov eax, 1 (write); syscall; pop rdi; ret */
const X86_64 = "57 bf 00 00 00 00 48 89 e6 ba 01 00 00 00 b8 01 00 00 00 0f 05 5f c3";
/** mov eax, 15 (rt_sigreturn); syscall: where the handler returns to. arm64 has it in the vDSO. */
const X86_64_RESTORER = "b8 0f 00 00 00 0f 05";
/**
 * str x0, [sp, #-16]!; mov w0, #PIPE; mov x1, sp; mov x2, #1; mov x8, #64 (write); svc #0; add sp, sp, #16;
 * ret
 */
const ARM64 =
  "e0 0f 1f f8 00 00 80 52 e1 03 00 91 22 00 80 d2 08 08 80 d2 01 00 00 d4 ff 43 00 91 c0 03 5f d6";

/** From now on signals do nothing but wait in the descriptor that this returns, a number in each byte. */
export function receiveSignals(): Descriptor {
  const [readEnd, writeEnd] = pipe();
  for (const end of [readEnd, writeEnd]) tryCall("fcntl", end.number, F_SETFL, O_NONBLOCK);
  const { handler, restorer } = mapHandler(writeEnd.number);
  const flags = SA_RESTART + (restorer === 0 ? 0 : SA_RESTORER);
  const action = u64Struct(handler, flags, restorer, 0);
  for (let signal = 1; signal <= LAST_SIGNAL; signal++) {
    if (!LEFT_ALONE.includes(signal)) tryCall("rt_sigaction", signal, action, 0, SIGNAL_SET_SIZE);
  }
  return readEnd;
}

/** The number of the next signal; `undefined` when there is none. */
export function nextSignal(from: Descriptor): number | undefined {
  const number = new Uint8Array(1);
  return tryCall("read", from.number, number, 1) === 1 ? number[0] : undefined;
}

/** Maps the handler from a memory file: no page is ever writable and executable. */
function mapHandler(pipeNumber: number): { handler: number; restorer: number } {
  const arm = machine === "arm64";
  const code = bytes(arm ? ARM64 : X86_64);
  if (arm) {
    // movz w0, #PIPE: the immediate stands in bits 5 to 20.
    code[4] = (pipeNumber & 0x7) << 5;
    code[5] = (pipeNumber >> 3) & 0xff;
    code[6] = 0x80 | ((pipeNumber >> 11) & 0x1f);
  } else {
    code[2] = pipeNumber & 0xff;
    code[3] = (pipeNumber >> 8) & 0xff;
  }
  using file = new Descriptor(mustCall("make a memory file", "memfd_create", cString("tsrun-signals"), 1));
  writeAll(file.number, code);
  if (!arm) writeAll(file.number, bytes(X86_64_RESTORER));
  const protection = PROT_READ | PROT_EXEC;
  const address = mustCall("map a signal handler", "mmap", 0, PAGE, protection, MAP_PRIVATE, file.number, 0);
  return { handler: address, restorer: arm ? 0 : address + code.length };
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));
}

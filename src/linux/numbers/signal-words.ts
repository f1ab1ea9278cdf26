// Names of signals (signal(7); the numbers are those of x86-64 and arm64), and the words for them in
// messages: those of Go's syscall package, which runc prints and its tests look for. Pure.

/** In the order of their numbers, from 1. */
export const SIGNAL_NAMES: readonly string[] = [
  ..."HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT".split(" "),
  ..."CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(" "),
];
/** `SIGKILL` for 9; a real-time signal has only its number. */
export function signalName(signal: number): string {
  const name = SIGNAL_NAMES[signal - 1];
  return name === undefined ? `signal ${signal}` : `SIG${name}`;
}

const WORDS = [
  "hangup",
  "interrupt",
  "quit",
  "illegal instruction",
  "trace/breakpoint trap",
  "aborted",
  "bus error",
  "floating point exception",
  "killed",
  "user defined signal 1",
  "segmentation fault",
  "user defined signal 2",
  "broken pipe",
  "alarm clock",
  "terminated",
  "stack fault",
  "child exited",
  "continued",
  "stopped (signal)",
  "stopped",
  "stopped (tty input)",
  "stopped (tty output)",
  "urgent I/O condition",
  "CPU time limit exceeded",
  "file size limit exceeded",
  "virtual timer expired",
  "profiling timer expired",
  "window changed",
  "I/O possible",
  "power failure",
  "bad system call",
] as const;

/** `killed` for 9; a real-time signal has only its number. */
export function signalWords(signal: number): string {
  return WORDS[signal - 1] ?? `signal ${signal}`;
}

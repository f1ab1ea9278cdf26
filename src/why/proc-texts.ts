// Parses the files of /proc that `why` looks at (locks, kernel stacks, system calls), and lines of the
// kernel's log about processes that it killed. Pure.

export interface FileLock {
  readonly pid: number;
  /** Whether it waits for a lock that another process holds. */
  readonly waits: boolean;
  /** Major number, minor number and inode of the locked file, in decimal: `8:1:4711`. */
  readonly file: string;
}

/** The locks of flock(2) in /proc/locks (proc_locks(5)). */
export function locksIn(text: string): FileLock[] {
  const locks: FileLock[] = [];
  for (const line of text.split("\n")) {
    const [, arrow, pid, major = "", minor = "", inode] =
      /^\d+: (-> )?FLOCK +\S+ +\S+ +(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line) ?? [];
    if (pid === undefined) continue;
    const file = `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}:${inode}`;
    locks.push({ pid: Number(pid), waits: arrow !== undefined, file });
  }
  return locks;
}

/** The functions in /proc/PID/stack: `[<0>] pipe_read+0x1b0/0x3c0`. */
export function functionsIn(stack: string): string[] {
  return [...stack.matchAll(/^\[<[^>]*>\] ([\w.]+)/gm)].map(([, name = ""]) => name);
}

/** The call in /proc/PID/syscall (proc_pid_syscall(5)); `undefined` if the process runs or is in no call. */
export function callIn(text: string): { readonly number: number; readonly first: number } | undefined {
  const [, number, first = "0x0"] = /^(\d+) (0x[0-9a-f]+)/.exec(text) ?? [];
  return number === undefined
    ? undefined
    : { number: Number(number), first: Number(BigInt(first) & 0xffff_ffffn) };
}

export interface OomKill {
  readonly pid: number;
  readonly name: string;
  /** The cgroup that was at its limit; "" if the machine's memory was full. */
  readonly limitOf: string;
}

/**
 * The processes of a cgroup and the cgroups below it that the kernel killed because memory ran out, from its
 * log. `cgroup` is a path from the root of the hierarchy.
 */
export function oomKillsIn(log: string, cgroup: string): OomKill[] {
  const kills: OomKill[] = [];
  for (const [line] of log.matchAll(/oom-kill:constraint=[^\n]*/g)) {
    const [, limitOf = ""] = /,oom_memcg=([^,\n]*)/.exec(line) ?? [];
    const [, its = "", name = "", pid] = /,task_memcg=([^,\n]*),task=(.*),pid=(\d+),/.exec(line) ?? [];
    if (pid !== undefined && `${its}/`.startsWith(`${cgroup}/`))
      kills.push({ pid: Number(pid), name, limitOf });
  }
  return kills;
}

export interface SeccompKill {
  readonly pid: number;
  /** The system call's number. */
  readonly number: number;
  /** AUDIT_ARCH_…, in hexadecimal digits. */
  readonly architecture: string;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD and SECCOMP_RET_TRAP of linux/seccomp.h */
const ENDING_ACTIONS = new Set(["80000000", "0", "30000"]);

/**
 * The processes that seccomp filters ended, from audit records (AUDIT_SECCOMP) of the kernel's or auditd's
 * log.
 */
export function seccompKillsIn(log: string): SeccompKill[] {
  const kills: SeccompKill[] = [];
  for (const [line] of log.matchAll(/type=(?:1326|SECCOMP) [^\n]*/g)) {
    const [, seconds] = /audit\((\d+\.\d+):/.exec(line) ?? [];
    // `comm` and `exe` are chosen by the container. The kernel writes them in hexadecimal if they are odd.
    const [, pid] = / pid=(\d+) comm=/.exec(line) ?? [];
    const [, signal, architecture = "", number, action = ""] =
      / sig=(\d+) arch=([0-9a-f]+) syscall=(\d+) .*\bcode=0x([0-9a-f]+)$/.exec(line.trimEnd()) ?? [];
    if (seconds === undefined || pid === undefined || number === undefined || signal === "0") continue;
    if (!ENDING_ACTIONS.has(action)) continue;
    kills.push({ pid: Number(pid), number: Number(number), architecture, at: Number(seconds) * 1000 });
  }
  return kills;
}

/** The seconds since boot at the beginning of a line of the kernel's log: `<6>[24146.045164] …`. */
export function stampOf(line: string): number | undefined {
  const [, seconds] = /^(?:<\d+>)?\[ *(\d+\.\d+)\]/.exec(line) ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

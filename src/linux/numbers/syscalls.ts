// System call numbers of the two machines tsrun runs on: arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h.

/** Numbers on x86-64 and on arm64. */
const NUMBERS = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  lseek: [8, 62],
  mmap: [9, 222],
  ioctl: [16, 29],
  getpid: [39, 172],
  sendfile: [40, 71],
  socket: [41, 198],
  connect: [42, 203],
  accept4: [288, 242],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  bind: [49, 200],
  listen: [50, 201],
  socketpair: [53, 199],
  setsockopt: [54, 208],
  getsockopt: [55, 209],
  wait4: [61, 260],
  kill: [62, 129],
  fcntl: [72, 25],
  flock: [73, 32],
  ftruncate: [77, 46],
  fallocate: [285, 47],
  getdents64: [217, 61],
  getcwd: [79, 17],
  chdir: [80, 49],
  fchdir: [81, 50],
  fchmod: [91, 52],
  fchown: [93, 55],
  umask: [95, 166],
  fsetxattr: [190, 7],
  getxattr: [191, 8],
  getuid: [102, 174],
  getgid: [104, 176],
  geteuid: [107, 175],
  getegid: [108, 177],
  getppid: [110, 173],
  setsid: [112, 157],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  capget: [125, 90],
  capset: [126, 91],
  personality: [135, 92],
  statfs: [137, 43],
  fstatfs: [138, 44],
  sched_setattr: [314, 274],
  pivot_root: [155, 41],
  prctl: [157, 167],
  chroot: [161, 51],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  add_key: [248, 217],
  keyctl: [250, 219],
  ioprio_set: [251, 30],
  sched_setaffinity: [203, 122],
  sched_getaffinity: [204, 123],
  exit_group: [231, 94],
  set_mempolicy: [238, 237],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  newfstatat: [262, 79],
  unlinkat: [263, 35],
  renameat2: [316, 276],
  linkat: [265, 37],
  symlinkat: [266, 36],
  syslog: [103, 116],
  readlinkat: [267, 78],
  fchmodat: [268, 53],
  faccessat: [269, 48],
  ppoll: [271, 73],
  unshare: [272, 97],
  openat: [257, 56],
  dup3: [292, 24],
  pipe2: [293, 59],
  eventfd2: [290, 19],
  inotify_init1: [294, 26],
  inotify_add_watch: [254, 27],
  signalfd4: [289, 74],
  epoll_create1: [291, 20],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  splice: [275, 76],
  setpgid: [109, 154],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  prlimit64: [302, 261],
  setns: [308, 268],
  seccomp: [317, 277],
  getrandom: [318, 278],
  memfd_create: [319, 279],
  bpf: [321, 280],
  clone: [56, 220],
  execve: [59, 221],
  execveat: [322, 281],
  statx: [332, 291],
  pidfd_send_signal: [424, 424],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  pidfd_open: [434, 434],
  clone3: [435, 435],
  close_range: [436, 436],
  openat2: [437, 437],
  pidfd_getfd: [438, 438],
  faccessat2: [439, 439],
  mount_setattr: [442, 442],
} as const;

export type SyscallName = keyof typeof NUMBERS;
export type Machine = "x86-64" | "arm64";

/** The machine this process runs on. */
export const machine: Machine = process.arch === "arm64" ? "arm64" : "x86-64";

/** The numbers on this machine, at hand. */
export const OWN_NUMBERS = Object.fromEntries(
  Object.entries(NUMBERS).map(([name, row]) => [name, row[machine === "x86-64" ? 0 : 1]]),
) as Readonly<Record<SyscallName, number>>;

/** Those that tsrun uses. */
export const SYSCALL_NAMES: readonly string[] = Object.keys(NUMBERS);

/** The number of a system call on `target`. */
export function syscallNumber(name: SyscallName, target: Machine = machine): number {
  return target === machine ? OWN_NUMBERS[name] : NUMBERS[name][target === "x86-64" ? 0 : 1];
}

/** The name behind a number, for rendering; `syscall_N` for one that tsrun does not use. */
export function syscallName(number: number, target: Machine = machine): string {
  const column = target === "x86-64" ? 0 : 1;
  return Object.entries(NUMBERS).find(([, row]) => row[column] === number)?.[0] ?? `syscall_${number}`;
}

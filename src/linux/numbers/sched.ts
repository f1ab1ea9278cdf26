// Constants of sched.h, prctl.h, signal numbers and wait(2).

export const CLONE_PIDFD = 0x1000;
export const CLONE_NEWTIME = 0x80;
export const CLONE_NEWNS = 0x20000;
export const CLONE_PARENT = 0x8000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;
/** clone3 only: put the child into the cgroup of a descriptor. */
export const CLONE_INTO_CGROUP = 0x200000000;

export const CLONE_FLAGS = {
  CLONE_NEWTIME,
  CLONE_NEWNS,
  CLONE_PARENT,
  CLONE_NEWCGROUP,
  CLONE_NEWUTS,
  CLONE_NEWIPC,
  CLONE_NEWUSER,
  CLONE_NEWPID,
  CLONE_NEWNET,
  CLONE_INTO_CGROUP,
};

/** The link /proc/PID/ns/pid in the initial pid namespace: PROC_PID_INIT_INO of linux/proc_ns.h. */
export const INITIAL_PID_NAMESPACE = "pid:[4026531836]";

export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NAME = 15;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_CHILD_SUBREAPER = 36;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** rt_sigaction(2): the flag that goes with a restorer, and the bytes of the kernel's set of signals. */
export const SA_RESTORER = 0x04000000;
export const SIGNAL_SET_SIZE = 8;
/** rt_sigprocmask(2), signalfd(2) */
export const SIG_BLOCK = 0;
export const SFD_NONBLOCK = 0x800;
export const SFD_CLOEXEC = 0x80000;

export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGKILL = 9;
export const SIGPIPE = 13;
export const SIGTERM = 15;
export const SIGCHLD = 17;
export const SIGSTOP = 19;
export const SIGURG = 23;
export const SIGXFSZ = 25;
export const SIGWINCH = 28;

export const WNOHANG = 1;
export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

// The kernel's version, and which of the optional system calls it knows. Each is made once with arguments
// that cannot do anything. docs/kernel.md says what tsrun does without them.

import { tryCall } from "../linux/call/call.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { ENOSYS } from "../linux/numbers/errno.ts";
import type { SyscallName } from "../linux/numbers/syscalls.ts";
import type { Line } from "./model.ts";

interface Optional {
  readonly call: SyscallName;
  readonly since: string;
  /** What tsrun does without it. */
  readonly costs: string;
  /** Makes the call, which must fail. */
  readonly tries: () => number;
}

const NO_FD = -1;

const OPTIONAL: readonly Optional[] = [
  {
    call: "openat2",
    since: "5.6",
    costs: "paths are opened one component at a time, with a message for each",
    tries: () => tryCall("openat2", NO_FD, "", 0, 0),
  },
  {
    call: "fsopen",
    since: "5.2",
    costs: "mount(2) is used, whose errors have no reason",
    tries: () => tryCall("fsopen", 0, 0),
  },
  {
    call: "open_tree",
    since: "5.2",
    costs: "bind mounts go through mount(2), and `mounts add` is refused",
    tries: () => tryCall("open_tree", NO_FD, "", 0),
  },
  {
    call: "move_mount",
    since: "5.2",
    costs: "bind mounts go through mount(2), and `mounts add` is refused",
    tries: () => tryCall("move_mount", NO_FD, "", NO_FD, "", 0),
  },
  {
    call: "mount_setattr",
    since: "5.12",
    costs: "attributes are set by a second mount(2), and id-mapped mounts are refused",
    tries: () => tryCall("mount_setattr", NO_FD, "", 0, 0, 0),
  },
  {
    call: "clone3",
    since: "5.3",
    costs: "clone(2) is used, and a process joins its cgroup by itself",
    tries: () => tryCall("clone3", 0, 0),
  },
  {
    call: "close_range",
    since: "5.9",
    costs: "descriptors that a caller leaks are closed one by one",
    tries: () => tryCall("close_range", 1, 0, 0),
  },
  {
    call: "faccessat2",
    since: "5.8",
    costs: "permission bits decide whether a program may be executed",
    tries: () => tryCall("faccessat2", NO_FD, "", 0, 0),
  },
  {
    call: "pidfd_open",
    since: "5.3",
    costs: "waits poll, and --pidfd-socket and seccomp agents are refused",
    tries: () => tryCall("pidfd_open", 0, 0),
  },
  {
    call: "pidfd_send_signal",
    since: "5.1",
    costs: "signals go to a pid, right after the process's start time has been compared",
    tries: () => tryCall("pidfd_send_signal", NO_FD, 0, 0, 0),
  },
  {
    call: "statx",
    since: "4.11",
    costs: "newfstatat(2) is used, and compiled seccomp profiles are not kept",
    tries: () => tryCall("statx", NO_FD, "", 0, 0, new Uint8Array(256)),
  },
];

/** The oldest kernel that is supported. */
const OLDEST = [5, 10] as const;

export function kernelLines(): Line[] {
  return [versionLine(), ...OPTIONAL.map(callLine)];
}

/** Major and minor number of the running kernel. */
export function kernelVersion(): readonly [major: number, minor: number] {
  const [major = 0, minor = 0] = (release().match(/\d+/g) ?? []).map(Number);
  return [major, minor];
}

function release(): string {
  return readTextIfThere("/proc/sys/kernel/osrelease")?.trim() ?? "unknown";
}

function versionLine(): Line {
  const [major, minor] = kernelVersion();
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  const line = { id: "kernel.version", topic: "kernel", what: "Linux", found: release() } as const;
  if (!isOld) return { ...line, health: "well" };
  const costs = `tsrun has not been tried on kernels before ${OLDEST.join(".")}`;
  return { ...line, health: "lesser", costs, mend: "install a newer kernel" };
}

function callLine({ call, since, costs, tries }: Optional): Line {
  const line = { id: `kernel.${call}`, topic: "kernel", what: `${call}(2)` } as const;
  if (tries() !== -ENOSYS) return { ...line, health: "well", found: "there" };
  const mend = `Linux ${since} has it; a seccomp filter around tsrun may hide it`;
  return { ...line, health: "lesser", found: "missing", costs, mend };
}

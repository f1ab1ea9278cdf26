// The annotations that tsrun knows, for the manual page. Pure.

import { KEYS } from "../spec/annotations.ts";

/** The meaning of each of crun's annotations, except those that tsrun refuses. */
export const ANNOTATION_TEXTS: Readonly<Record<(typeof KEYS)[keyof typeof KEYS], string>> = {
  [KEYS.keepsGroups]: '"1": the process keeps the supplementary groups of the caller.',
  [KEYS.hookStdout]: "A file to which what hooks print is appended; an absolute path.",
  [KEYS.hookStderr]: "The same for their standard error.",
  [KEYS.mountContext]:
    "The option of mount(8) by which linux.mountLabel is given: context, fscontext, defcontext or " +
    "rootcontext.",
  [KEYS.subgroup]: "With --systemd-cgroup on cgroup v2: a cgroup below the unit, where the container is.",
  [KEYS.delegate]:
    "On cgroup v2: a cgroup below the container's, where it begins, and which it may divide. The limits " +
    "hold above it.",
  [KEYS.seccompReceiver]: "The socket of a seccomp agent, where linux.seccomp.listenerPath names none.",
  [KEYS.seccompProgram]: "A filter as seccomp(2) takes it, as base64, in place of linux.seccomp.",
  [KEYS.refusesUnknownCalls]: '"1": a system call that libseccomp does not know is an error.',
  [KEYS.pidfdReceiver]: "A socket that gets a pidfd of the first process.",
};

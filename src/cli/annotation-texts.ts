// The annotations that tsrun knows, for the manual page. Pure.

import { KEYS } from "../spec/annotations.ts";

/** The meaning of each of crun's annotations, except those that tsrun refuses. */
export const ANNOTATION_TEXTS: Readonly<Record<(typeof KEYS)[keyof typeof KEYS], string>> = {
  [KEYS.keepsGroups]: '"1": the process keeps the supplementary groups of the caller.',
  [KEYS.hookStdout]: "A file to which the output of hooks is appended; an absolute path.",
  [KEYS.hookStderr]: "A file to which the standard error of hooks is appended; an absolute path.",
  [KEYS.mountContext]:
    "The option of mount(8) that sets linux.mountLabel: context, fscontext, defcontext or " + "rootcontext.",
  [KEYS.subgroup]: "With --systemd-cgroup on cgroup v2: a cgroup below the unit, for the container.",
  [KEYS.delegate]:
    "On cgroup v2: a cgroup below the container's, in which the container begins and which it may " +
    "divide. The limits are set on the cgroup above.",
  [KEYS.seccompReceiver]: "The socket of a seccomp agent, if linux.seccomp.listenerPath names none.",
  [KEYS.seccompProgram]: "A filter for seccomp(2), in base64, that takes the place of linux.seccomp.",
  [KEYS.refusesUnknownCalls]: '"1": a system call that libseccomp does not know is an error.',
  [KEYS.pidfdReceiver]: "A socket that gets a pidfd of the first process.",
};

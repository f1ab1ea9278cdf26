// What a configuration asks for in crun's annotations, `run.oci.*` (crun(1), "Extensions to OCI"): Podman
// sends `run.oci.keep_original_groups` for `--group-add keep-groups`, CRI-O `run.oci.systemd.subgroup`. Pure.
// What is wrong with them semantics/annotations.ts says; each topic plans what its own are about.

import type { Spec } from "./types.ts";

/** All that crun knows begins with this. */
export const CRUN_PREFIX = "run.oci.";

/** The option of mount(8) that a label is given by (linux.mountLabel). */
export const MOUNT_CONTEXTS = ["context", "fscontext", "defcontext", "rootcontext"] as const;
export type MountContext = (typeof MOUNT_CONTEXTS)[number];

/** Files that take what hooks print. */
export interface HookFiles {
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
}

export interface Annotations {
  /** The process keeps the supplementary groups of whoever calls tsrun. */
  readonly keepsGroups: boolean;
  readonly hookFiles: HookFiles | undefined;
  readonly mountContext: MountContext;
  /** Below systemd's unit, where the container is then: relative, without "." and "..". */
  readonly subgroup: string | undefined;
  /** Below the container's cgroup, whose limits hold there; its processes are in it, and may divide it. */
  readonly delegate: string | undefined;
  /** Where a profile with SCMP_ACT_NOTIFY does not say who is notified. */
  readonly seccompReceiver: string | undefined;
  /** In place of the profile: a program of `struct sock_filter`, as base64. */
  readonly seccompProgram: string | undefined;
  /** A system call that libseccomp does not know is an error, and not skipped. */
  readonly refusesUnknownCalls: boolean;
  /** A socket that gets a pidfd of the first process. */
  readonly pidfdReceiver: string | undefined;
}

export const KEYS = {
  keepsGroups: "run.oci.keep_original_groups",
  hookStdout: "run.oci.hooks.stdout",
  hookStderr: "run.oci.hooks.stderr",
  mountContext: "run.oci.mount_context_type",
  subgroup: "run.oci.systemd.subgroup",
  delegate: "run.oci.delegate-cgroup",
  seccompReceiver: "run.oci.seccomp.receiver",
  seccompProgram: "run.oci.seccomp_bpf_data",
  refusesUnknownCalls: "run.oci.seccomp_fail_unknown_syscall",
  pidfdReceiver: "run.oci.pidfd_receiver",
} as const;

const NONE: Annotations = {
  keepsGroups: false,
  hookFiles: undefined,
  mountContext: "context",
  subgroup: undefined,
  delegate: undefined,
  seccompReceiver: undefined,
  seccompProgram: undefined,
  refusesUnknownCalls: false,
  pidfdReceiver: undefined,
};

/** Reads annotations that the rules have found good. */
export function readAnnotations({ annotations }: Pick<Spec, "annotations">): Annotations {
  if (annotations === undefined) return NONE;
  const stdout = annotations[KEYS.hookStdout];
  const stderr = annotations[KEYS.hookStderr];
  return {
    keepsGroups: isOn(annotations[KEYS.keepsGroups]),
    hookFiles: stdout === undefined && stderr === undefined ? undefined : { stdout, stderr },
    mountContext: (annotations[KEYS.mountContext] as MountContext | undefined) ?? "context",
    subgroup: relative(annotations[KEYS.subgroup]),
    delegate: relative(annotations[KEYS.delegate]),
    seccompReceiver: annotations[KEYS.seccompReceiver],
    seccompProgram: annotations[KEYS.seccompProgram],
    refusesUnknownCalls: isOn(annotations[KEYS.refusesUnknownCalls]),
    pidfdReceiver: annotations[KEYS.pidfdReceiver],
  };
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "0";
}

/** AS CRUN: an empty name is none, and one that begins with "/" begins where it is put. */
function relative(path: string | undefined): string | undefined {
  const parts = (path ?? "").split("/").filter((part) => part !== "");
  return parts.length === 0 ? undefined : parts.join("/");
}

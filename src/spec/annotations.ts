// Reads crun's annotations, `run.oci.*` (crun(1), "Extensions to OCI"): Podman sends
// `run.oci.keep_original_groups` for `--group-add keep-groups`, CRI-O `run.oci.systemd.subgroup`. Pure.
// semantics/annotations.ts checks them; each topic's plan uses its own.

import type { Spec } from "./types.ts";

/** All of crun's annotations begin with this. */
export const CRUN_PREFIX = "run.oci.";

/** The option of mount(8) that takes a label (linux.mountLabel). */
export const MOUNT_CONTEXTS = ["context", "fscontext", "defcontext", "rootcontext"] as const;
export type MountContext = (typeof MOUNT_CONTEXTS)[number];

/** Files for the output of hooks. */
export interface HookFiles {
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
}

export interface Annotations {
  /** The process keeps the supplementary groups of tsrun's caller. */
  readonly keepsGroups: boolean;
  readonly hookFiles: HookFiles | undefined;
  readonly mountContext: MountContext;
  /** The cgroup below systemd's unit in which the container runs: relative, without "." and "..". */
  readonly subgroup: string | undefined;
  /**
   * The cgroup below the container's, with its processes, which may divide it. The limits stay in the
   * container's.
   */
  readonly delegate: string | undefined;
  /** The agent's socket, for a profile with SCMP_ACT_NOTIFY that does not name one. */
  readonly seccompReceiver: string | undefined;
  /** Replaces the profile: a program of `struct sock_filter`, as base64. */
  readonly seccompProgram: string | undefined;
  /** A system call that libseccomp does not know is an error instead of being skipped. */
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

/** Reads annotations that the rules have accepted. */
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

/** AS CRUN: an empty name counts as absent, and a leading "/" is ignored. */
function relative(path: string | undefined): string | undefined {
  const parts = (path ?? "").split("/").filter((part) => part !== "");
  return parts.length === 0 ? undefined : parts.join("/");
}

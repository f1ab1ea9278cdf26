// Makes the output of `features`: what this executable supports, from the tables that the code itself uses
// (runtime-spec features.md). Pure. Callers depend on it: containerd and dockerd ask for "rro", for id-mapped
// mounts and for user namespaces.

import { SYSTEMD_PROPERTY_PREFIX } from "../cgroups/systemd/gvariant.ts";
import { CRIU_CONFIG_ANNOTATION } from "../checkpoint/annotation.ts";
import { HOOK_KINDS } from "../hooks/plan.ts";
import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";
import { MPOL_FLAGS, MPOL_MODES } from "../linux/numbers/scheduling.ts";
import { NAMESPACE_KINDS } from "../namespaces/plan.ts";
import { MOUNT_OPTION_NAMES } from "../rootfs/plan/mount-options.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  SECCOMP_UNCONDITIONAL_FLAGS,
} from "../seccomp/tables.ts";
import { CRUN_PREFIX } from "../spec/annotations.ts";
import type { Features } from "../spec/types.ts";
import { OCI_VERSION } from "../spec/version.ts";

export interface Build {
  readonly version: string;
  /** Empty if it is not known. */
  readonly commit: string;
  /** The version of the library that compiles profiles. */
  readonly libseccomp: string;
}

/** The features structure. A missing feature has `enabled: false`, so that callers do not use it. */
export function features(build: Build): Features {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: HOOK_KINDS,
    mountOptions: MOUNT_OPTION_NAMES,
    linux: {
      namespaces: [...NAMESPACE_KINDS].sort(),
      capabilities: CAPABILITY_NAMES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: SECCOMP_ACTIONS,
        operators: SECCOMP_OPERATORS,
        archs: SECCOMP_ARCHITECTURES,
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_UNCONDITIONAL_FLAGS,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: wordsOf(MPOL_MODES), flags: wordsOf(MPOL_FLAGS) },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: annotationsOf(build),
    // Annotations that reach beyond the container, and are not for untrusted users.
    // AS CRUN: all of crun's by their prefix, since some open files and sockets of the host, keep the
    // caller's groups, or replace the seccomp profile.
    potentiallyUnsafeConfigAnnotations: [SYSTEMD_PROPERTY_PREFIX, CRIU_CONFIG_ANNOTATION, CRUN_PREFIX],
  };
}

/** runc's key keeps its name, since callers look for it, and crun has it too. */
function annotationsOf({ version, commit, libseccomp }: Build): Readonly<Record<string, string>> {
  return {
    "io.github.seccomp.libseccomp.version": libseccomp,
    "org.opencontainers.runc.checkpoint.enabled": "true",
    "org.tsrun.version": version,
    ...(commit === "" ? {} : { "org.tsrun.commit": commit }),
  };
}

function wordsOf<Word extends string>(table: Readonly<Record<Word, number>>): readonly Word[] {
  return Object.keys(table) as Word[];
}

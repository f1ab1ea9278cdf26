// What `features` prints: what this binary knows, taken from the tables that do the work (runtime-spec
// features.md). Pure. Callers decide by it: containerd and dockerd ask for "rro", for id-mapped mounts and
// for user namespaces.

import { CAPABILITY_NAMES } from "../linux/capabilities.ts";
import { NAMESPACE_KINDS } from "../namespaces/plan.ts";
import { MOUNT_OPTION_NAMES } from "../rootfs/mount-options.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  SECCOMP_UNCONDITIONAL_FLAGS,
} from "../seccomp/tables.ts";
import { OCI_VERSION } from "../spec/defaults.ts";

/** In the order in which a container meets them. */
const HOOKS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

export interface Build {
  readonly version: string;
  readonly commit: string;
}

/** The features structure. What is not there yet says `enabled: false`: callers then do without it. */
export function features({ version, commit }: Build): object {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: HOOKS,
    mountOptions: MOUNT_OPTION_NAMES,
    linux: {
      namespaces: [...NAMESPACE_KINDS].sort(),
      capabilities: CAPABILITY_NAMES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: SECCOMP_ACTIONS.filter((action) => action !== "SCMP_ACT_NOTIFY"),
        operators: SECCOMP_OPERATORS,
        archs: SECCOMP_ARCHITECTURES,
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_UNCONDITIONAL_FLAGS,
      },
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    annotations: {
      "org.tsrun.version": version,
      "org.tsrun.commit": commit,
    },
    // Annotations by which a config reaches beyond its container: not for untrusted users.
    potentiallyUnsafeConfigAnnotations: [],
  };
}

// The template for config.json. Called by the `spec` command.

import type { Capability, Mount, Namespace, Spec } from "./types.ts";
import { OCI_VERSION } from "./version.ts";

const CAPABILITIES: readonly Capability[] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/**
 * AS RUNC: what `runc spec` writes, members in the same order. If `cgroupV2` is set, the host has only the
 * unified hierarchy, and the container gets a cgroup namespace. The file is `JSON.stringify(spec, null,
 * "\t")`, without a newline at its end.
 */
export function exampleSpec({ cgroupV2 = false }: { readonly cgroupV2?: boolean } = {}): Spec {
  const kinds = ["pid", "network", "ipc", "uts", "mount", ...(cgroupV2 ? ["cgroup" as const] : [])] as const;
  return {
    ociVersion: OCI_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: exampleMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: kinds.map((type) => ({ type })),
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

function exampleMounts(): Mount[] {
  const plain = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/proc", type: "proc", source: "proc" },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...plain, "mode=1777", "size=65536k"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: plain },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...plain, "ro"] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [...plain, "relatime", "ro"],
    },
  ];
}

/**
 * AS RUNC: the template for a user without privileges, whose ids become root's. The container shares the
 * host's network, since a new network would need help from outside; sysfs cannot be mounted then, so the
 * host's is bound instead.
 */
export function rootlessExample(
  spec: Spec,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Spec {
  const { uidMappings: _uids, gidMappings: _gids, resources: _resources, ...linux } = spec.linux ?? {};
  const kept = (linux.namespaces ?? []).filter(({ type }) => type !== "network" && type !== "user");
  const namespaces: Namespace[] = [...kept, { type: "user" }];
  return {
    ...spec,
    ...(spec.mounts === undefined ? {} : { mounts: spec.mounts.map(rootlessMount) }),
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      ...linux,
      namespaces,
    },
  };
}

function rootlessMount(mount: Mount): Mount {
  if (mount.destination.replace(/(?<=.)\/+$/, "") === "/sys") {
    const options = ["rbind", "nosuid", "noexec", "nodev", "ro"];
    return { destination: "/sys", type: "none", source: "/sys", options };
  }
  if (mount.options === undefined) return mount;
  // Only one id is mapped, so files cannot belong to any other.
  return { ...mount, options: mount.options.filter((option) => !/^[ug]id=/.test(option)) };
}

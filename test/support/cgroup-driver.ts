// Chooses who makes the cgroups: the runtime itself, or, with CGROUP_DRIVER=systemd, systemd at its request.

export const systemdDriver = process.env.CGROUP_DRIVER === "systemd";

/** The flags before the command. */
export const driverFlags: readonly string[] = systemdDriver ? ["--systemd-cgroup"] : [];

/** The value of `linux.cgroupsPath` that gives a container a cgroup of its own. */
export function cgroupsPathOf(id: string): string {
  return systemdDriver ? `system.slice:e2e:${id}` : `/${id}`;
}

/** The path of that cgroup below a mount point. An argument that is a path is returned unchanged. */
export function cgroupOf(id: string): string {
  return systemdDriver && id !== "" && !id.includes("/") ? `system.slice/e2e-${id}.scope` : id;
}

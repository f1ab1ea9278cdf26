// Who makes the cgroups: the runtime itself, or, with CGROUP_DRIVER=systemd, systemd at its request.

export const systemdDriver = process.env.CGROUP_DRIVER === "systemd";

/** What goes before the command. */
export const driverFlags: readonly string[] = systemdDriver ? ["--systemd-cgroup"] : [];

/** The value of `linux.cgroupsPath` that gives a container a cgroup of its own. */
export function cgroupsPathOf(id: string): string {
  return systemdDriver ? `system.slice:e2e:${id}` : `/${id}`;
}

/** Where that cgroup is, below a mount point. A path that is no id is one already. */
export function cgroupOf(id: string): string {
  return systemdDriver && id !== "" && !id.includes("/") ? `system.slice/e2e-${id}.scope` : id;
}

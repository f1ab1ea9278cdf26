// The sysctls that keep user namespaces from ordinary users (user_namespaces(7)). Pure. Called by src/cause/
// and src/check/.

/** A sysctl that keeps user namespaces from ordinary users; its value that forbids, and one that allows. */
export interface Forbidding {
  readonly name: string;
  readonly forbids: string;
  readonly allows: string;
  /** What makes it spare a program. */
  readonly otherwise?: string;
}

export const FORBIDDING: readonly Forbidding[] = [
  // Debian's kernels, and Arch's.
  { name: "kernel.unprivileged_userns_clone", forbids: "0", allows: "1" },
  // Ubuntu from 23.10 on.
  {
    name: "kernel.apparmor_restrict_unprivileged_userns",
    forbids: "1",
    allows: "0",
    otherwise: "give tsrun an AppArmor profile with userns",
  },
];

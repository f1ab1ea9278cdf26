// Paths inside a container's root, handled lexically: cleaning, stripping, and which ones may be covered by a
// mount. Pure.

/** `/a/b` for `a//./b/`, `/../a/b` and so on: absolute, without `.`, `..` or doubled slashes. */
export function cleanPath(path: string): string {
  if (isClean(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** A quick check whether the path is clean, as nearly every path of a configuration is. */
function isClean(path: string): boolean {
  return path.startsWith("/") && !path.includes("//") && !path.includes("/.") && !path.endsWith("/");
}

/** Whether a component of `path` is `..`: then links on the way may change where it leads. */
export function climbs(path: string): boolean {
  return path.includes("..") && path.split("/").includes("..");
}

/** AS RUNC: removes the root's path on the host from the beginning of a destination. */
export function stripRoot(rootfs: string, path: string): string {
  const clean = cleanPath(path);
  // Hardly any does.
  if (!clean.startsWith(rootfs) || rootfs === "/" || !isInside(rootfs, clean)) return clean;
  return clean === rootfs ? "/" : clean.slice(rootfs.length);
}

/** Whether the clean `path` is `directory` or is below it. */
export function isInside(directory: string, path: string): boolean {
  if (directory === "/") return true;
  return path.startsWith(directory) && (path.length === directory.length || path[directory.length] === "/");
}

export function componentsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) if (part !== "") parts.push(part);
  return parts;
}

/** The directory of a clean path other than `/`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Files of /proc that lxcfs and CRIU emulate (runc: checkProcMount). */
const EMULATED = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
  "/proc/loadavg",
  "/proc/slabinfo",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/sys/crypto/fips_enabled",
]);

/**
 * Why nothing may be mounted on `path`; `undefined` if it may be covered.
 *
 * The text is runc's. A container that could cover parts of /proc would defeat LSM labels and sysctls that
 * are written there (CVE-2019-16884, CVE-2019-19921). `path` must not contain symbolic links.
 * @param mountKind the kind of mount: a bind mount is checked when its source is open.
 */
export function refusedTarget(path: string, mountKind: "proc" | "bind" | "other"): string | undefined {
  if (path === "/") return "the mount point is the root file system itself";
  if (!path.startsWith("/proc") || !isInside("/proc", path)) return undefined;
  if (path === "/proc") {
    return mountKind === "other" ? `"${path}" cannot be mounted because it is not of type proc` : undefined;
  }
  return EMULATED.has(path) ? undefined : `"${path}" cannot be mounted because it is inside /proc`;
}

// Finds fields in the text of /proc/PID/status (proc_pid_status(5)) and of /proc/PID/fdinfo, and reads the
// paths of /proc/PID/mountinfo. Pure.
// Security: the text contains the process's name, which the process may choose. A regular expression also
// treats carriage return and U+2028 as ends of lines; the kernel escapes only the newline, so only that ends
// a line here.

import { O_ACCMODE, O_RDONLY, O_WRONLY } from "../numbers/fcntl.ts";

/** The value of a field; "" if there is no such field. */
export function statusField(status: string, field: string): string {
  const start = status.indexOf(`\n${field}:\t`);
  if (start < 0) return "";
  const end = status.indexOf("\n", start + 1);
  return status.slice(start + field.length + 3, end < 0 ? status.length : end);
}

export function statusNumber(status: string, field: string): number {
  return Number(statusField(status, field));
}

/** The mount that a descriptor was opened through, from `mnt_id:` in /proc/PID/fdinfo/N. */
export function mountOf(fdinfo: string): number | undefined {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(fdinfo) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** The access mode of a descriptor, from the `flags:` line of /proc/PID/fdinfo/N (proc_pid_fdinfo(5)). */
export function accessOf(fdinfo: string): { readonly readable: boolean; readonly writable: boolean } {
  const [, digits = "0"] = /^flags:\s*(\d+)$/m.exec(fdinfo) ?? [];
  const mode = Number.parseInt(digits, 8) & O_ACCMODE;
  return { readable: mode !== O_WRONLY, writable: mode !== O_RDONLY };
}

/**
 * A path of /proc/PID/mountinfo: the kernel writes space, tab, newline and backslash in it as a backslash and
 * three octal digits.
 */
export function unescapeOctal(path: string): string {
  if (!path.includes("\\")) return path;
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

// Fields of /proc/PID/status (proc_pid_status(5)), found in its text. Pure; called by process.ts.
// Security: a process names itself as it likes, and its name is in that text. Of all that ends a line for a
// regular expression (carriage return, U+2028) the kernel escapes the newline alone, so only that counts.

/** What stands behind the name of a field; "" where there is no such field. */
export function statusField(status: string, field: string): string {
  const start = status.indexOf(`\n${field}:\t`);
  if (start < 0) return "";
  const end = status.indexOf("\n", start + 1);
  return status.slice(start + field.length + 3, end < 0 ? status.length : end);
}

export function statusNumber(status: string, field: string): number {
  return Number(statusField(status, field));
}

// Finds fields in the text of /proc/PID/status (proc_pid_status(5)). Pure; called by process.ts.
// Security: the text contains the process's name, which the process may choose. A regular expression also
// treats carriage return and U+2028 as ends of lines; the kernel escapes only the newline, so only that ends
// a line here.

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

// Which pipes of a container lead outside. criu dumps a pipe with both its ends; one of which the other end
// is somebody else's is noted by its name, and replaced at restore. Pure; dump.ts reads /proc.

/** One open end of a pipe. */
export interface PipeEnd {
  /** As /proc/PID/fd shows it: `pipe:[4711]`. */
  readonly name: string;
  readonly pid: number;
  readonly fd: number;
  readonly readable: boolean;
  readonly writable: boolean;
}

/**
 * What stands at 0 to 2, to be written into the images: the pipe that leads outside, or an empty name.
 *
 * DIFFERS: runc notes at creation what its caller had there. Looking when it matters costs a creation
 * nothing, and is right as well for what a container has given to another process, or to another number.
 * @param ends those of all processes, the first one's first
 */
export function externalPipes(ends: readonly PipeEnd[]): string[] {
  const external = ends.filter(({ name }) => {
    const same = ends.filter((end) => end.name === name);
    return !(same.some(({ readable }) => readable) && same.some(({ writable }) => writable));
  });
  return [0, 1, 2].map((slot) => external.find(({ fd }) => fd === slot)?.name ?? "");
}

const O_ACCMODE = 3;

/** What the `flags:` line of /proc/PID/fdinfo/N says of an end (proc_pid_fdinfo(5)). */
export function accessOf(fdinfo: string): Pick<PipeEnd, "readable" | "writable"> {
  const [, digits = "0"] = /^flags:\s*(\d+)$/m.exec(fdinfo) ?? [];
  const mode = Number.parseInt(digits, 8) & O_ACCMODE;
  return { readable: mode !== 1, writable: mode !== 0 };
}

// Finds the pipes of a container that lead outside. criu dumps a pipe with both ends; if the other end
// belongs to a process outside, only the name is recorded, and restore replaces the pipe. Pure; dump.ts reads
// /proc.

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
 * The names for descriptors 0 to 2, to be written to the images: that of a pipe that leads outside, or empty.
 *
 * DIFFERS: runc records at creation what its caller had there. Looking at checkpoint costs a creation
 * nothing, and is also right if the container has passed a pipe to another process or moved it to another
 * number.
 * @param ends those of all processes, the first process's first
 */
export function externalPipes(ends: readonly PipeEnd[]): string[] {
  const external = ends.filter(({ name }) => {
    const same = ends.filter((end) => end.name === name);
    return !(same.some(({ readable }) => readable) && same.some(({ writable }) => writable));
  });
  return [0, 1, 2].map((slot) => external.find(({ fd }) => fd === slot)?.name ?? "");
}

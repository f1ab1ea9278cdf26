// `import()` where nothing can wait for it. Pure.

/** A part of the program, loaded now: the build makes of `import()` a call that returns it (chunks.ts). */
export function atOnce<T>(part: Promise<T>): T {
  return part as unknown as T;
}

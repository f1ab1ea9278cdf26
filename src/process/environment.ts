// The environment of a container's process (runc: libcontainer/env.go). Pure.
// Called by the plan and by become-user.ts.

export interface Environment {
  /** Of two entries with one name the last one is kept, in its own place. An empty HOME is left out. */
  readonly entries: readonly string[];
  /** Whether HOME is still to be filled in. */
  readonly needsHome: boolean;
}

/**
 * Drops duplicates and an empty HOME. Each entry has been checked to be `NAME=value`. AS RUNC: if the
 * environment is absent, none is made, not even HOME.
 */
export function planEnvironment(env: readonly string[] | undefined): Environment {
  if (env === undefined) return { entries: [], needsHome: false };
  const entries = withoutDuplicates(env).filter((entry) => entry !== "HOME=");
  return { entries, needsHome: !entries.some((entry) => entry.startsWith("HOME=")) };
}

/** Of two entries with one name the last one is kept, in its own place. */
export function withoutDuplicates(env: readonly string[]): string[] {
  const last = new Map<string, number>();
  env.forEach((entry, index) => {
    last.set(nameOf(entry), index);
  });
  return env.filter((entry, index) => last.get(nameOf(entry)) === index);
}

/** The environment, with HOME added at the end if it is missing. */
export function withHome(environment: Environment, home: string): readonly string[] {
  if (!environment.needsHome) return environment.entries;
  return [...environment.entries, `HOME=${home}`];
}

/** The value of a variable, or `undefined`. */
export function variable(entries: readonly string[], name: string): string | undefined {
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function nameOf(entry: string): string {
  const equals = entry.indexOf("=");
  return equals < 0 ? entry : entry.slice(0, equals);
}

// The annotation by which a configuration names a file with options for criu. Pure; called by images.ts, and
// by `features`, which says that it is not for untrusted users: the options decide what is read and written.

export const CRIU_CONFIG_ANNOTATION = "org.criu.config";

/**
 * The file by which criu's options can be overruled: what the annotation `org.criu.config` names, none when
 * that is empty, else the usual one. criu ignores a file that is not there.
 */
export function configFileOf(
  annotations: Readonly<Record<string, string>> | undefined,
  usual: string,
): string | undefined {
  const named = annotations?.[CRIU_CONFIG_ANNOTATION];
  if (named === undefined) return usual;
  return named === "" ? undefined : named;
}

// The annotation with which a configuration names a file of criu options. Pure; called by images.ts, and by
// `features`, which calls it unsafe for untrusted users: the options decide which files are read and written.

export const CRIU_CONFIG_ANNOTATION = "org.criu.config";

/**
 * The file that can override criu's options: the one that the annotation `org.criu.config` names, none if it
 * is empty, or else the usual one. criu ignores a missing file.
 */
export function configFileOf(
  annotations: Readonly<Record<string, string>> | undefined,
  usual: string,
): string | undefined {
  const named = annotations?.[CRIU_CONFIG_ANNOTATION];
  if (named === undefined) return usual;
  return named === "" ? undefined : named;
}

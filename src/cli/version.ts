// The program's name, and the output of `--version`. Pure: the version comes from the build
// (scripts/build.ts).

import { OCI_VERSION, RUNC_VERSION } from "../spec/version.ts";
import { baseName } from "./paths.ts";

declare const TSRUN_VERSION: string | undefined;
declare const TSRUN_COMMIT: string | undefined;

/** The version in package.json. */
export const VERSION = typeof TSRUN_VERSION === "string" ? TSRUN_VERSION : "0.0.0";
/** The commit it was built from; empty if that is not known. */
export const COMMIT = typeof TSRUN_COMMIT === "string" ? TSRUN_COMMIT : "";

/**
 * The program's name. If it is called `runc`, through a link, it calls itself runc: go-runc reads a version
 * only after that word.
 */
export function programName(argv0: string): string {
  return baseName(argv0) === "runc" ? "runc" : "tsrun";
}

/**
 * The text after the program's name: `, in place of runc exec`. It lets scripts that look for runc's name
 * find it before the same words as in runc. Empty if the program is called runc.
 */
export function inPlaceOf(ofRunc: string, program: string): string {
  return program === "runc" ? "" : `, in place of ${ofRunc}`;
}

/**
 * dockerd reads the version after the last "version" in the last line with that word: only one line has it,
 * and our version is last in it.
 */
export function versionText(program: string, details: VersionDetails): string {
  const { engine, libseccomp, commit = COMMIT } = details;
  return [
    `${program}${inPlaceOf(`runc version ${RUNC_VERSION},`, program)} version ${VERSION}`,
    // AS RUNC: the second line, or left out if not known.
    ...(commit === "" ? [] : [`commit: ${commit}`]),
    `spec: ${OCI_VERSION}`,
    `quickjs: ${engine}`,
    `libseccomp: ${libseccomp}`,
    "",
  ].join("\n");
}

export interface VersionDetails {
  readonly engine: string;
  readonly libseccomp: string;
  readonly commit?: string;
}

// By which name the program goes, and what `--version` prints. Pure: its own version comes from the build
// (scripts/build.ts).

import { OCI_VERSION, RUNC_VERSION } from "../spec/version.ts";
import { baseName } from "./paths.ts";

declare const TSRUN_VERSION: string | undefined;
declare const TSRUN_COMMIT: string | undefined;

/** Of package.json. */
export const VERSION = typeof TSRUN_VERSION === "string" ? TSRUN_VERSION : "0.0.0";
/** Of the source it was built from; empty when that is not known. */
export const COMMIT = typeof TSRUN_COMMIT === "string" ? TSRUN_COMMIT : "";

/**
 * The name by which the program goes. Called `runc`, through a link, it is runc to its callers: go-runc reads
 * a version only behind that word.
 */
export function programName(argv0: string): string {
  return baseName(argv0) === "runc" ? "runc" : "tsrun";
}

/**
 * What follows the program's own name: `, in place of runc exec`. Scripts and people who know runc find its
 * name before the words that it stands before in runc. Nothing for a program that is called runc.
 */
export function inPlaceOf(ofRunc: string, program: string): string {
  return program === "runc" ? "" : `, in place of ${ofRunc}`;
}

/**
 * dockerd takes what follows the last "version" of the last line with that word: no other line has it, and in
 * this one ours comes last.
 */
export function versionText(program: string, details: VersionDetails): string {
  const { engine, libseccomp, commit = COMMIT } = details;
  return [
    `${program}${inPlaceOf(`runc version ${RUNC_VERSION},`, program)} version ${VERSION}`,
    // AS RUNC: second where it is known, else left out.
    ...(commit === "" ? [] : [`commit: ${commit}`]),
    `spec: ${OCI_VERSION}`,
    `quickjs: ${engine}`,
    ...(libseccomp === undefined ? [] : [`libseccomp: ${libseccomp}`]),
    "",
  ].join("\n");
}

export interface VersionDetails {
  readonly engine: string;
  /** `undefined` where the library is not installed. */
  readonly libseccomp: string | undefined;
  readonly commit?: string;
}

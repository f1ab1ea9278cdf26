// Defines an end-to-end case: a sentence, the conditions it needs, and a body that gets a Lab. After every
// body, passed or failed, the containers it made are deleted by force, and nothing of them may be left.

import { tmpdir } from "node:os";
import t, { type Test } from "tap";
import { controllerHierarchy, effectiveUid, kernelAtLeast, mountOf } from "./host.ts";
import { Lab } from "./lab.ts";
import { busybox } from "./rootfs.ts";
import {
  isCrun,
  isCrunBefore,
  isRunc,
  isRuncBefore,
  isTsrun,
  type Result,
  runtimeKind,
  runtimePath,
} from "./runtime.ts";

/** A reason to skip, or nothing. */
export type Condition = string | undefined;

export type Body = (t: Test, lab: Lab) => Promise<void> | void;

/**
 * States what the runtime does. If the case cannot be tried here, it is skipped with the first reason, and
 * never counts as passed.
 */
export function behaviour(sentence: string, body: Body, ...conditions: Condition[]): void {
  const reason = [needsRoot(), needsBusybox(), ...conditions].find((condition) => condition !== undefined);
  t.test(sentence, { skip: reason ?? false }, async (test) => {
    const lab = new Lab();
    try {
      await body(test, lab);
    } finally {
      test.strictSame(await lab.close(), [], "nothing is left after delete --force");
    }
  });
}

export function needsRoot(): Condition {
  return effectiveUid === 0 ? undefined : "needs root";
}

function needsBusybox(): Condition {
  return busybox() === undefined ? "needs busybox (package busybox-static)" : undefined;
}

/** For behaviour that runc does not have, or not in the installed version; the reason says which. */
export function tsrunOnly(reason: string): Condition {
  return isTsrun ? undefined : `${runtimeKind}: ${reason}`;
}

/** For behaviour of runc from about this version on: no version between 1.1 and 1.3 was tried. */
export function runcFrom(version: string, reason: string): Condition {
  return isRuncBefore(version) ? `runc before ${version}: ${reason}` : undefined;
}

/** For behaviour that crun has and no version of runc has. */
export function notOfRunc(reason: string): Condition {
  return isRunc ? `runc: ${reason}` : undefined;
}

/** For behaviour of crun from about this version on, which runc does not have. */
export function crunFrom(version: string, reason: string): Condition {
  return isCrunBefore(version) ? `crun before ${version}: ${reason}` : notOfRunc(reason);
}

/** For behaviour that runc has and no version of crun has. */
export function notOfCrun(reason: string): Condition {
  return isCrun ? `crun: ${reason}` : undefined;
}

/** For behaviour that runc has, and crun from about this version on. */
export function notOfCrunBefore(version: string, reason: string): Condition {
  return isCrunBefore(version) ? `crun before ${version}: ${reason}` : undefined;
}

/** For behaviour that runc no longer has. */
export function runcBefore(version: string, reason: string): Condition {
  return isTsrun || isRuncBefore(version) ? undefined : `${runtimeKind} from ${version} on: ${reason}`;
}

export function needsController(name: string, version?: 1 | 2): Condition {
  const hierarchy = controllerHierarchy(name);
  if (hierarchy === undefined) return `no cgroup hierarchy has the ${name} controller`;
  if (version !== undefined && hierarchy.version !== version)
    return `the ${name} controller is not in a v${version} hierarchy`;
  return undefined;
}

/** A reason to skip what opens a device of a root in the temporary folder, and not one of a mounted /dev. */
export function needsDevices(): Condition {
  const folder = tmpdir();
  return mountOf(folder)?.options.includes("nodev") === true
    ? `"${folder}" is on a mount with nodev`
    : undefined;
}

export function needsKernel(major: number, minor: number, what: string): Condition {
  return kernelAtLeast(major, minor) ? undefined : `${what} needs Linux ${major}.${minor}`;
}

/**
 * Checks a refused call: the exit code, one line on stderr, and for tsrun the line itself, without logrus's
 * escapes. crun's exit code depends on the failed system call: 1, 253 or 255 for the same mistake.
 */
export function refused(t: Test, result: Result, line: RegExp, code = 1): void {
  if (isCrun) t.not(result.code, 0, "an exit status of failure");
  else t.equal(result.code, code, `exit status ${code}`);
  if (isTsrun) {
    t.match(result.stderr.replaceAll('\\"', '"'), line, "the line says what is wrong");
    t.equal(result.stderr.trimEnd().split("\n").length, 1, "one line on stderr");
  } else {
    t.not(result.stderr, "", "something on stderr");
  }
}

/** Checks that nothing is left of a call that failed or a container that was deleted. */
export async function nothingLeft(t: Test, lab: Lab, when: string): Promise<void> {
  t.strictSame(await lab.leftovers(), [], `nothing is left ${when}`);
}

t.comment(`runtime: ${runtimePath}`);

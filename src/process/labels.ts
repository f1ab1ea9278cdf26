// Writes the AppArmor profile and SELinux labels of a process to its attributes. The kernel applies them at
// the next execve(2). Pure. Called by become-user.ts; the files come from label-files.ts.

import { TsrunError } from "../errors.ts";
import { ENOENT } from "../linux/numbers/errno.ts";
import { close, write } from "../proxy/calls/calls.ts";
import type { Operation } from "../proxy/calls/operation.ts";
import type { ProcessPlan } from "./plan.ts";

/** Open files of the proxy; `undefined` if there is nothing to write. */
export interface LabelFiles {
  readonly apparmor: number | undefined;
  readonly selinux: number | undefined;
  /** SELinux: the label of keys that are made from now on. */
  readonly keys: number | undefined;
}

/** For a process without labels. */
export const NO_LABELS: LabelFiles = { apparmor: undefined, selinux: undefined, keys: undefined };

/** Which security modules the host has. */
export interface SecurityModules {
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

/** The labels in a configuration. */
export interface Labels {
  readonly apparmorProfile: string | undefined;
  readonly selinuxLabel: string | undefined;
}

/** Whether a process has any. */
export function hasLabels({ apparmorProfile, selinuxLabel }: Labels): boolean {
  return apparmorProfile !== undefined || selinuxLabel !== undefined;
}

/** Refuses a label that nothing on the host would enforce, with runc's text. */
export function checkLabels({ apparmorProfile, selinuxLabel }: Labels, host: SecurityModules): void {
  if (apparmorProfile !== undefined && !host.apparmor) {
    throw new TsrunError("E_UNSUPPORTED", "apparmor: config provided but apparmor not supported", {
      hint: "this host runs without AppArmor; remove process.apparmorProfile",
    });
  }
  if (host.selinux) return;
  if (selinuxLabel !== undefined) {
    const message = "selinux label is specified in config, but selinux is disabled or not supported";
    throw new TsrunError("E_UNSUPPORTED", message, {
      hint: "this host runs without SELinux; remove process.selinuxLabel",
    });
  }
}

/** A hint about a label that the kernel refuses. */
export function labelHint({ result = 0 }: Operation, { apparmorProfile, selinuxLabel }: Labels): string {
  if (apparmorProfile !== undefined && selinuxLabel === undefined) {
    return result === -ENOENT
      ? `no AppArmor profile "${apparmorProfile}" is loaded; apparmor_parser(8) loads one`
      : "AppArmor lets this process not change to the profile";
  }
  return "SELinux knows no such label, or lets this process not change to it";
}

/** Sets the label only while the session keyring is made: SELinux labels it, and no later key. */
export function labelKeys(
  plan: ProcessPlan,
  { keys }: LabelFiles,
  making: readonly Operation[],
): Operation[] {
  if (keys === undefined || plan.selinuxLabel === undefined) return [...making];
  const attempt = `label keys "${plan.selinuxLabel}"`;
  return [write(keys, plan.selinuxLabel, attempt), ...making, write(keys, "", attempt), close(keys)];
}

/**
 * Sets the labels for the next execve(2). Must come before no_new_privs, which forbids most changes of
 * profile.
 */
export function labelOperations(plan: ProcessPlan, { apparmor, selinux }: LabelFiles): Operation[] {
  const operations: Operation[] = [];
  if (apparmor !== undefined && plan.apparmorProfile !== undefined) {
    const attempt = `apply the AppArmor profile "${plan.apparmorProfile}"`;
    operations.push(write(apparmor, `exec ${plan.apparmorProfile}`, attempt), close(apparmor));
  }
  if (selinux !== undefined && plan.selinuxLabel !== undefined) {
    operations.push(write(selinux, plan.selinuxLabel, `apply the SELinux label "${plan.selinuxLabel}"`));
    if (selinux !== apparmor) operations.push(close(selinux));
  }
  return operations;
}

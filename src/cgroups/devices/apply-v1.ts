// Sets the device rules of a v1 cgroup: all of them in a new cgroup, only the difference in one that is in
// use. Called by v1.ts.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { tryCall } from "../../linux/call/call.ts";
import { utf8 } from "../../linux/call/words.ts";
import { type Descriptor, open, readText } from "../../linux/files/files.ts";
import { EINVAL, EPERM } from "../../linux/numbers/errno.ts";
import { O_WRONLY } from "../../linux/numbers/fcntl.ts";
import { type Journal, writeError } from "../writer.ts";
import {
  ALLOW_ALL,
  buildDeviceSet,
  type DeviceSet,
  parseDevicesList,
  sameDeviceSet,
  transition,
} from "./device-set.ts";
import { inUserNamespace } from "./privilege.ts";
import { type DeviceRule, showRule } from "./rules.ts";

/**
 * Sets the rules of a new cgroup. `directory` is undefined if the container has no devices cgroup; only a
 * rootless one may lack it.
 */
export function applyDevicesV1(
  directory: string | undefined,
  rules: readonly DeviceRule[],
  rootless: boolean,
): void {
  const target = buildDeviceSet(rules);
  if (directory === undefined) {
    if (rootless) return;
    throw withoutCgroup();
  }
  try {
    writeRules(directory, transition(ALLOW_ALL, target));
  } catch (error) {
    throwIfOutOfMemory(error);
    // AS RUNC: an ordinary user cannot set device rules, and needs none, since mknod(2) is refused too.
    if (rootless || (isPermission(error) && inUserNamespace())) return;
    throw error;
  }
}

function withoutCgroup(): TsrunError {
  return new TsrunError("E_CGROUP", "cannot set devices limit: container could not join or create cgroup");
}

/**
 * Changes the rules of a cgroup in use. Every failure is an error, even without privileges: the update asked
 * for it.
 */
export function changeDevicesV1(directory: string | undefined, rules: readonly DeviceRule[]): void {
  if (directory === undefined) throw withoutCgroup();
  changeDevices(directory, buildDeviceSet(rules));
}

/** Notes the rules of a cgroup in use in the journal; `rules` are those that were set. */
export function noteDevicesV1(
  directory: string | undefined,
  rules: readonly DeviceRule[],
  journal: Journal,
): void {
  if (directory === undefined) return;
  const old = inForce(directory, rules);
  journal.add(`${directory}/devices.list`, () => changeDevices(directory, old));
}

/**
 * The set in devices.list. If it allows by default, the list hides the exceptions, so they come from the
 * rules.
 */
function inForce(directory: string, rules: readonly DeviceRule[]): DeviceSet {
  const listed = readDevices(directory);
  const known = buildDeviceSet(rules);
  return listed.defaultAllow && known.defaultAllow ? known : listed;
}

function changeDevices(directory: string, target: DeviceSet): void {
  const current = readDevices(directory);
  writeRules(directory, transition(current, target));
  // A change from or to "everything" builds the list anew and cannot go wrong. Removing rules can, since the
  // kernel ignores a rule that it does not find.
  if (current.defaultAllow || target.defaultAllow) return;
  if (!sameDeviceSet(readDevices(directory), target)) {
    throw new TsrunError("E_CGROUP", "resulting devices cgroup doesn't precisely match target", {
      hint: `something else may be changing "${directory}/devices.list"`,
    });
  }
}

function writeRules(directory: string, rules: readonly DeviceRule[]): void {
  if (rules.length === 0) return;
  using allow = open(`${directory}/devices.allow`, O_WRONLY);
  using deny = open(`${directory}/devices.deny`, O_WRONLY);
  for (const rule of rules) writeRule(directory, rule, rule.allow ? allow : deny);
}

function writeRule(directory: string, rule: DeviceRule, file: Descriptor): void {
  const value = showRule(rule);
  const bytes = utf8(value);
  const result = tryCall("write", file.number, bytes, bytes.length);
  if (result >= 0) return;
  const error = writeError(
    directory,
    { file: rule.allow ? "devices.allow" : "devices.deny", value },
    -result,
  );
  throw new TsrunError(error.code, error.message, {
    errno: error.errno,
    hint: hintFor(rule, -result) ?? error.hint,
  });
}

/** Documentation/admin-guide/cgroup-v1/devices.rst, section 4. */
function hintFor({ type }: DeviceRule, errno: number): string | undefined {
  if (errno === EPERM) return "a cgroup has no devices that the one above it has not";
  if (errno !== EINVAL || type !== "a") return undefined;
  return "the kernel keeps what holds by default while there are cgroups below: remove those first";
}

function readDevices(directory: string): DeviceSet {
  return parseDevicesList(readText(`${directory}/devices.list`));
}

function isPermission(error: unknown): boolean {
  return error instanceof TsrunError && (error.errno === "EPERM" || error.errno === "EACCES");
}

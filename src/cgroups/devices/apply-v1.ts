// Sets the device rules of a v1 cgroup: anew when it is made, by the difference to what it has when it is in
// use.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { tryCall } from "../../linux/call.ts";
import { O_WRONLY } from "../../linux/fcntl.ts";
import { type Descriptor, open, readText } from "../../linux/files.ts";
import { utf8 } from "../../linux/words.ts";
import { writeError } from "../writer.ts";
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

/** `directory` is undefined when the container has no devices cgroup, which only a rootless one may lack. */
export function applyDevicesV1(
  directory: string | undefined,
  rules: readonly DeviceRule[],
  { rootless, inUse }: DeviceContext,
): void {
  const target = buildDeviceSet(rules);
  if (directory === undefined) {
    if (rootless) return;
    throw new TsrunError("E_CGROUP", "cannot set devices limit: container could not join or create cgroup");
  }
  try {
    if (inUse) changeDevices(directory, target);
    else writeRules(directory, transition(ALLOW_ALL, target));
  } catch (error) {
    throwIfOutOfMemory(error);
    // AS RUNC: an ordinary user cannot set device rules, and needs none where mknod(2) is refused too.
    if (rootless || (isPermission(error) && inUserNamespace())) return;
    throw error;
  }
}

export interface DeviceContext {
  readonly rootless: boolean;
  /** Processes run in it that must not lose a device for a moment. */
  readonly inUse: boolean;
}

function changeDevices(directory: string, target: DeviceSet): void {
  const current = readDevices(directory);
  writeRules(directory, transition(current, target));
  // From "everything" the list is built anew and cannot come out wrong; taking rules away can, since the
  // kernel ignores what it does not find.
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
  throw writeError(directory, { file: rule.allow ? "devices.allow" : "devices.deny", value }, -result);
}

function readDevices(directory: string): DeviceSet {
  return parseDevicesList(readText(`${directory}/devices.list`));
}

function isPermission(error: unknown): boolean {
  return error instanceof TsrunError && (error.errno === "EPERM" || error.errno === "EACCES");
}

// Reduces a list of device rules to a default and its exceptions, the model of the v1 devices controller
// (cgroup-v1/devices.rst, security/device_cgroup.c), which tsrun uses on v2 as well. Pure.

import { TsrunError } from "../../errors.ts";
import { ACCESS_ALL, type DeviceRule, type DeviceType, parseAccess, showRule, WILDCARD } from "./rules.ts";

export interface DeviceException {
  readonly type: Exclude<DeviceType, "a">;
  readonly major: number;
  readonly minor: number;
  readonly access: number;
}

/** With `defaultAllow` the exceptions are denied; without it they are allowed. */
export interface DeviceSet {
  readonly defaultAllow: boolean;
  readonly exceptions: ReadonlyMap<string, DeviceException>;
}

/** Allows everything: the initial set of a cgroup on the first level of the hierarchy. */
export const ALLOW_ALL: DeviceSet = { defaultAllow: true, exceptions: new Map() };

/**
 * Applies the rules in order to a set that allows nothing, so a container gets only what its rules allow.
 */
export function buildDeviceSet(rules: readonly DeviceRule[]): DeviceSet {
  let defaultAllow = false;
  let exceptions = new Map<string, DeviceException>();
  for (const rule of rules) {
    if (rule.type === "a") {
      // Docker's rules have two deny-alls: the last one overrides everything before it.
      defaultAllow = rule.allow;
      exceptions = new Map();
      continue;
    }
    const { type, major, minor } = rule;
    const key = keyOf(rule);
    const before = exceptions.get(key)?.access ?? 0;
    if (rule.allow !== defaultAllow) {
      exceptions.set(key, { type, major, minor, access: before | rule.access });
      continue;
    }
    assertNoHole(exceptions, rule);
    const access = before & ~rule.access;
    if (access === 0) exceptions.delete(key);
    else exceptions.set(key, { type, major, minor, access });
  }
  return { defaultAllow, exceptions };
}

/**
 * A rule cannot exclude a single device from an exception with a wildcard. The kernel ignores such a rule
 * silently, which would leave a device open that the configuration closes, so it is refused, as by runc.
 */
function assertNoHole(exceptions: ReadonlyMap<string, DeviceException>, rule: DeviceRule): void {
  for (const [major, minor] of [
    [WILDCARD, rule.minor],
    [rule.major, WILDCARD],
    [WILDCARD, WILDCARD],
  ] as const) {
    if (major === rule.major && minor === rule.minor) continue;
    const wider = exceptions.get(keyOf({ type: rule.type, major, minor }));
    if (wider !== undefined && (wider.access & rule.access) !== 0) {
      const what = `${rule.allow ? "allow" : "deny"} "${showRule(rule)}"`;
      throw new TsrunError(
        "E_CONFIG",
        `cannot ${what}: the device cgroup cannot punch a hole in the wider rule "${showRule(wider)}"`,
      );
    }
  }
}

/** Parses devices.list. The kernel hides the exceptions of a cgroup that allows by default. */
export function parseDevicesList(list: string): DeviceSet {
  const exceptions = new Map<string, DeviceException>();
  for (const line of list.split("\n")) {
    const [type, numbers = "", access = ""] = line.split(" ");
    if (type === "a") return ALLOW_ALL;
    if (type !== "b" && type !== "c") continue;
    const colon = numbers.indexOf(":");
    const major = parseNumber(numbers.slice(0, colon));
    const minor = parseNumber(numbers.slice(colon + 1));
    const exception = { type, major, minor, access: parseAccess(access) } as const;
    exceptions.set(keyOf(exception), exception);
  }
  return { defaultAllow: false, exceptions };
}

function parseNumber(text: string): number {
  return text === "*" ? WILDCARD : Number(text);
}

/**
 * The fewest rules that turn one set into another. Additions come before removals, so that a device that both
 * sets allow is never denied in between (DIFFERS: runc removes first). A set that allows by default hides its
 * exceptions, so the change always begins with a rule for all devices, and a moment without any is
 * unavoidable.
 */
export function transition(current: DeviceSet, target: DeviceSet): DeviceRule[] {
  const rules: DeviceRule[] = [];
  const reset = current.defaultAllow || target.defaultAllow;
  if (reset) {
    rules.push({
      allow: target.defaultAllow,
      type: "a",
      major: WILDCARD,
      minor: WILDCARD,
      access: ACCESS_ALL,
    });
  }
  const old = reset ? new Map<string, DeviceException>() : current.exceptions;
  // After a reset there is nothing to remove; without one both sets allow only their exceptions.
  for (const rule of difference(target.exceptions, old)) rules.push({ ...rule, allow: !target.defaultAllow });
  for (const rule of difference(old, target.exceptions)) rules.push({ ...rule, allow: target.defaultAllow });
  return rules;
}

/**
 * The exceptions, or parts of them, that are in `from` but not in `without`, in the order of their rules,
 * which devices.list keeps (the OCI suite reads it).
 */
function difference(
  from: ReadonlyMap<string, DeviceException>,
  without: ReadonlyMap<string, DeviceException>,
): DeviceException[] {
  const rest: DeviceException[] = [];
  for (const [key, exception] of from) {
    const access = exception.access & ~(without.get(key)?.access ?? 0);
    if (access !== 0) rest.push({ ...exception, access });
  }
  return rest;
}

/** Sorts by major, minor and type, so that equivalent sets give the same program. */
export function sortExceptions(exceptions: Iterable<DeviceException>): DeviceException[] {
  return [...exceptions].sort(
    (a, b) => a.major - b.major || a.minor - b.minor || a.type.charCodeAt(0) - b.type.charCodeAt(0),
  );
}

/** True if both decide the same for every device. */
export function sameDeviceSet(a: DeviceSet, b: DeviceSet): boolean {
  if (a.defaultAllow !== b.defaultAllow || a.exceptions.size !== b.exceptions.size) return false;
  for (const [key, { access }] of a.exceptions) if (b.exceptions.get(key)?.access !== access) return false;
  return true;
}

export interface DeviceRequest {
  readonly type: Exclude<DeviceType, "a">;
  readonly major: number;
  readonly minor: number;
  readonly access: number;
}

/**
 * The kernel's decision (devcgroup_legacy_check_permission): an allowing exception must cover the whole
 * access, a denying one need only touch it.
 */
export function isAllowed(set: DeviceSet, request: DeviceRequest): boolean {
  for (const exception of set.exceptions.values()) {
    if (exception.type !== request.type) continue;
    if (exception.major !== WILDCARD && exception.major !== request.major) continue;
    if (exception.minor !== WILDCARD && exception.minor !== request.minor) continue;
    if (set.defaultAllow && (exception.access & request.access) !== 0) return false;
    if (!set.defaultAllow && (request.access & ~exception.access) === 0) return true;
  }
  return set.defaultAllow;
}

function keyOf(rule: Pick<DeviceRule, "type" | "major" | "minor">): string {
  return `${rule.type} ${rule.major}:${rule.minor}`;
}

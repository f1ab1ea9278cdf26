// The configuration's device rules, with the defaults that every container gets. Pure; called by plan.ts.

import { TsrunError } from "../../errors.ts";
import type { DeviceRule as DeviceRuleSpec } from "../../spec/types.ts";

/** Bits of an access, as in `struct bpf_cgroup_dev_ctx` (linux/bpf.h, BPF_DEVCG_ACC_*). */
export const ACCESS_MKNOD = 1;
export const ACCESS_READ = 2;
export const ACCESS_WRITE = 4;
export const ACCESS_ALL = ACCESS_MKNOD | ACCESS_READ | ACCESS_WRITE;

/** Any major, or any minor. */
export const WILDCARD = -1;

/** `a` means every device with every access, whatever else the rule says. */
export type DeviceType = "a" | "b" | "c";

export interface DeviceRule {
  readonly allow: boolean;
  readonly type: DeviceType;
  readonly major: number;
  readonly minor: number;
  readonly access: number;
}

/** A default rule. One with a path is left out if the configuration makes another device at that path. */
interface DefaultRule {
  readonly path?: string;
  readonly type: DeviceType;
  readonly major: number;
  readonly minor: number;
  readonly access: number;
}

/** runc's AllowedDevices, in its order: mknod of anything, the devices of every /dev, terminals, and tun. */
const DEFAULTS: readonly DefaultRule[] = [
  { type: "c", major: WILDCARD, minor: WILDCARD, access: ACCESS_MKNOD },
  { type: "b", major: WILDCARD, minor: WILDCARD, access: ACCESS_MKNOD },
  { path: "/dev/null", type: "c", major: 1, minor: 3, access: ACCESS_ALL },
  { path: "/dev/random", type: "c", major: 1, minor: 8, access: ACCESS_ALL },
  { path: "/dev/full", type: "c", major: 1, minor: 7, access: ACCESS_ALL },
  { path: "/dev/tty", type: "c", major: 5, minor: 0, access: ACCESS_ALL },
  { path: "/dev/zero", type: "c", major: 1, minor: 5, access: ACCESS_ALL },
  { path: "/dev/urandom", type: "c", major: 1, minor: 9, access: ACCESS_ALL },
  { type: "c", major: 136, minor: WILDCARD, access: ACCESS_ALL },
  { type: "c", major: 5, minor: 2, access: ACCESS_ALL },
  { type: "c", major: 10, minor: 200, access: ACCESS_ALL },
];

/**
 * The rules of `linux.resources.devices`, then the defaults: what comes later wins. `devices` is
 * `linux.devices`.
 */
export function deviceRules(
  rules: readonly DeviceRuleSpec[],
  devices: readonly { readonly path: string }[],
): DeviceRule[] {
  const all: DeviceRule[] = [];
  for (const rule of rules) all.push(deviceRule(rule, all.length));
  for (const { path, type, major, minor, access } of DEFAULTS) {
    if (path === undefined || !hasPath(devices, path)) all.push({ allow: true, type, major, minor, access });
  }
  return all;
}

function hasPath(devices: readonly { readonly path: string }[], path: string): boolean {
  for (const device of devices) if (device.path === path) return true;
  return false;
}

/** Parses one rule; `index` is its place in the list, for errors. */
export function deviceRule(rule: DeviceRuleSpec, index: number): DeviceRule {
  const { type = "a", major = WILDCARD, minor = WILDCARD, access = "" } = rule;
  if (access === "") {
    throw new TsrunError("E_CONFIG", `device access at ${index} field cannot be empty`);
  }
  if (type !== "a" && type !== "b" && type !== "c") {
    throw new TsrunError("E_CONFIG", `invalid cgroup device type "${type}"`);
  }
  return { allow: rule.allow === true, type, major, minor, access: parseAccess(access) };
}

/** `rwm` as bits. AS RUNC: other letters are ignored. */
export function parseAccess(letters: string): number {
  let access = 0;
  for (const letter of letters) {
    if (letter === "r") access |= ACCESS_READ;
    else if (letter === "w") access |= ACCESS_WRITE;
    else if (letter === "m") access |= ACCESS_MKNOD;
  }
  return access;
}

/** Bits as `rwm`, in the kernel's order. */
export function showAccess(access: number): string {
  const read = access & ACCESS_READ ? "r" : "";
  const write = access & ACCESS_WRITE ? "w" : "";
  return `${read}${write}${access & ACCESS_MKNOD ? "m" : ""}`;
}

/** A rule in the format of devices.allow and devices.deny: `c 1:3 rwm`, `b 8:* r`. */
export function showRule({ type, major, minor, access }: Omit<DeviceRule, "allow">): string {
  return `${type} ${showNumber(major)}:${showNumber(minor)} ${showAccess(access)}`;
}

function showNumber(number: number): string {
  return number === WILDCARD ? "*" : String(number);
}

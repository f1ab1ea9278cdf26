// The name and the place of a container's systemd unit (runc: opencontainers/cgroups' systemd/common.go).
// Pure.

import { TsrunError } from "../../errors.ts";

/** Which manager makes the unit, and its properties that decide where units are. */
export interface SystemdHost {
  /** The manager of an ordinary user, not the system's. */
  readonly user: boolean;
  /** Such as 262. */
  readonly version: number;
  /**
   * The manager's own cgroup, below which a user's units are:
   * `/user.slice/user-1000.slice/user@1000.service`.
   */
  readonly controlGroup: string;
}

export interface UnitName {
  /** `docker-4e88.scope`, or a slice if the configuration names one. */
  readonly name: string;
  /** The last part of cgroupsPath, for the unit's description. */
  readonly title: string;
  readonly slice: string;
}

const FORM = 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups';

/** Reads `linux.cgroupsPath`; without one the unit is `runc-ID.scope`, AS RUNC in the prefix too. */
export function resolveUnit(cgroupsPath: string | undefined, id: string, { user }: SystemdHost): UnitName {
  const usual = user ? "user.slice" : "system.slice";
  if (cgroupsPath === undefined || cgroupsPath === "") {
    return { name: `runc-${id}.scope`, title: id, slice: usual };
  }
  const [slice = "", prefix, title, ...more] = cgroupsPath.split(":");
  if (prefix === undefined || title === undefined || more.length > 0) {
    throw new TsrunError("E_CONFIG", `${FORM}, got "${cgroupsPath}" instead`, {
      hint: "leave out --systemd-cgroup to have a cgroup at that path",
    });
  }
  const name = title.endsWith(".slice") ? title : `${prefix}-${title}.scope`;
  return { name, title, slice: slice === "" ? usual : slice };
}

/** `a-b.slice` is in `a.slice`: `/a.slice/a-b.slice`. Throws if the name is not that of a slice. */
export function expandSlice(slice: string): string {
  const base = slice.endsWith(".slice") ? slice.slice(0, -6) : "";
  if (base === "-") return "";
  const parts = base.split("-");
  if (base === "" || base.includes("/") || parts.includes("")) {
    throw new TsrunError("E_CONFIG", `invalid slice name: ${slice}`, {
      hint: 'a slice is named like "system.slice" or "machine-web.slice"',
    });
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}

/** The unit's cgroup below a mount point. */
export function unitPath({ name, slice }: UnitName, { user, controlGroup }: SystemdHost): string {
  return `${user ? controlGroup : ""}${expandSlice(slice)}/${name}`;
}

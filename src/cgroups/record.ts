// The record of a container's existing cgroup, which is saved with the state. Types only, so that pure files
// may import them.

import type { CgroupRecord, UnitRecord } from "../spec/types.ts";
import type { DeviceProgram } from "./devices/apply-v2.ts";
import type { DeviceRule } from "./devices/rules.ts";
import type { Journal } from "./writer.ts";

export type { CgroupRecord, UnitRecord };

export type CgroupDriverName = CgroupRecord["driver"];

export type FreezeState = "thawed" | "frozen";

export interface ApplyContext {
  /** Errors of device rules are ignored, since an ordinary user cannot set any. */
  readonly rootless: boolean;
  /** The device rules to enforce; if absent, the present ones stay. */
  readonly devices?: readonly DeviceRule[] | undefined;
  /** The program for these rules, if it has been prepared; it is closed when it is in its place. */
  readonly deviceProgram?: DeviceProgram | undefined;
  /** The rules that the container has now: it must not lose a device, even briefly, that both sets allow. */
  readonly devicesBefore?: readonly DeviceRule[] | undefined;
  /** Notes the old values, if they may have to be restored. */
  readonly journal?: Journal | undefined;
}

// What is known of a container's cgroup once it exists: the record that is saved with the state. Types only,
// so that pure files may import them.

import type { CgroupRecord, UnitRecord } from "../spec/types.ts";
import type { DeviceRule } from "./devices/rules.ts";
import type { Journal } from "./writer.ts";

export type { CgroupRecord, UnitRecord };

export type CgroupDriverName = CgroupRecord["driver"];

export type FreezeState = "thawed" | "frozen";

export interface ApplyContext {
  /** Errors of device rules are ignored, as an ordinary user cannot set any. */
  readonly rootless: boolean;
  /** The device rules to enforce; without them the present ones stay. */
  readonly devices?: readonly DeviceRule[] | undefined;
  /** Those that the container has already: its processes must not lose a device meanwhile that both have. */
  readonly devicesBefore?: readonly DeviceRule[] | undefined;
  /** Where old values are noted, when they may have to be put back. */
  readonly journal?: Journal | undefined;
}

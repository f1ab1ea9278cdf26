// The state of a container as `state` and `list` print it.

import type { ContainerState, Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { statusOf } from "./status.ts";
import type { StateDirectory } from "./store.ts";

/** The state as runc prints it. */
export function describe(directory: StateDirectory, record: StateRecord, owner: string): ContainerState {
  return stateOf(record, statusOf(record, directory), owner);
}

/** Like `describe`, for a container whose status is known. */
export function stateOf(record: StateRecord, status: Status, owner: string): ContainerState {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === "stopped" ? 0 : record.init_process_pid,
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    annotations: record.annotations,
    owner,
  };
}

// `state`: a container's state.

import type { ContainerState, GlobalOptions, Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { statusOf } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

/** The state of a container; throws if there is none with that id. */
export function containerState(globals: GlobalOptions, id: string): ContainerState {
  using directory = getStateDirectory(globals.root, id);
  return describe(directory, directory.load(), "");
}

/** The state as runc prints it. */
export function describe(directory: StateDirectory, record: StateRecord, owner: string): ContainerState {
  return stateOf(record, statusOf(record, directory), owner);
}

/** As `describe`, of a container whose status is known. */
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

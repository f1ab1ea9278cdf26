// SCMP_ACT_NOTIFY: the message that the agent at `listenerPath` gets with the descriptor of the notifications
// (config-linux.md#containerprocessstate). Pure; called by the stories that start a process.

import { TsrunError } from "../errors.ts";
import type { Seccomp } from "../spec/types.ts";
import { usesNotify } from "./profile.ts";

/** The name under which the message lists the descriptor. */
const SECCOMP_FD_NAME = "seccompFd";

/** The agent to notify. */
export type Listener = Pick<Seccomp, "listenerPath" | "listenerMetadata">;

export interface NotifyingProcess {
  readonly ociVersion: string;
  /** The host pid of the process that has the filter. */
  readonly pid: number;
  /** `listenerMetadata` of the profile. */
  readonly metadata: string | undefined;
  readonly container: {
    readonly id: string;
    /** `creating` for the container's first process, `running` for one of `exec`. */
    readonly status: "creating" | "running";
    /** The container's first process. */
    readonly pid: number;
    readonly bundle: string;
    readonly annotations: Readonly<Record<string, string>> | undefined;
  };
}

/**
 * Throws E_CONFIG if a profile notifies but names no agent. A path is ignored if no rule notifies, as in
 * runc.
 */
export function validateListener(profile: Seccomp): void {
  if (!usesNotify(profile) || (profile.listenerPath ?? "") !== "") return;
  throw new TsrunError("E_CONFIG", "cannot use SCMP_ACT_NOTIFY: seccomp listenerPath is not set", {
    hint: "set linux.seccomp.listenerPath to the socket of a seccomp agent",
  });
}

/**
 * The ContainerProcessState message, sent in one piece with the descriptor as its only SCM_RIGHTS. The order
 * of the keys, and which empty members are left out, are as in runc.
 */
export function notifyMessage({ ociVersion, pid, metadata, container }: NotifyingProcess): string {
  const { id, status, pid: containerPid, bundle, annotations = {} } = container;
  return JSON.stringify({
    ociVersion,
    fds: [SECCOMP_FD_NAME],
    pid,
    metadata: metadata === "" ? undefined : metadata,
    state: {
      ociVersion,
      id,
      status,
      pid: containerPid === 0 ? undefined : containerPid,
      bundle,
      annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
    },
  });
}

// SCMP_ACT_NOTIFY: what the agent at `listenerPath` is told beside the descriptor that notifications arrive
// on (config-linux.md#containerprocessstate). Pure; called by the stories that start a process.

import { TsrunError } from "../errors.ts";
import type { Seccomp } from "../spec/types.ts";
import { usesNotify } from "./profile.ts";

/** The name under which the message lists the descriptor. */
const SECCOMP_FD_NAME = "seccompFd";

/** Who is notified. */
export type Listener = Pick<Seccomp, "listenerPath" | "listenerMetadata">;

export interface NotifyingProcess {
  readonly ociVersion: string;
  /** The process that has the filter, as the host numbers it. */
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
 * Throws E_CONFIG when a profile notifies but does not say whom. A path that nothing needs is ignored, as in
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
 * of the keys and what is left out when empty are runc's.
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

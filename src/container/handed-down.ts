// What the caller passes to the container besides standard streams: descriptors, and a socket for readiness
// messages. Called by create and exec.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { F_GETFD } from "../linux/numbers/fcntl.ts";
import type { Spec } from "../spec/types.ts";
import type { CreateOptions, GlobalOptions } from "./options.ts";

/** Where the container finds the directory with its notification socket. */
const NOTIFY_DIRECTORY = "/run/notify";
/** The name of a directory in the state directory; the socket is in it. */
export const NOTIFY = "notify";
export const NOTIFY_SOCKET = "notify.sock";

type HandedDown = Pick<CreateOptions, "preserveFds" | "listenFds" | "notifySocket">;

/** How many descriptors from 3 on are inherited: those of socket activation, then the preserved ones. */
export function inheritedFds({ listenFds = 0, preserveFds }: HandedDown): number {
  return listenFds + preserveFds;
}

/**
 * Throws if one of them is not open. Must be called before tsrun keeps any file open: only the log and the
 * trace are open already, and must not reach the container as if they were the caller's descriptors.
 */
export function checkInherited(
  options: HandedDown,
  { log, traceDescriptor }: Pick<GlobalOptions, "log" | "traceDescriptor">,
): void {
  const { listenFds = 0, preserveFds } = options;
  for (let index = 0; index < inheritedFds(options); index++) {
    const fd = 3 + index;
    const isOurs = fd === log.descriptor || fd === traceDescriptor;
    if (!isOurs && tryCall("fcntl", fd, F_GETFD) >= 0) continue;
    // AS RUNC: the beginning of the text.
    const [what, hint] =
      index < listenFds
        ? [`listen-fd ${index} (of ${listenFds})`, "LISTEN_FDS promises a descriptor that is not open"]
        : [
            `preserved-fd ${index - listenFds} (of ${preserveFds})`,
            "--preserve-fds counts from 3, or from where those of LISTEN_FDS end",
          ];
    throw new TsrunError("E_USAGE", `unable to stat ${what}: descriptor ${fd} is not open`, { hint });
  }
}

/**
 * The configuration with the variables, and a mount of the socket's directory.
 * @param directory the container's state directory
 */
export function withHandedDown(
  spec: Spec,
  { listenFds = 0, notifySocket }: HandedDown,
  directory: string,
): Spec {
  if (listenFds === 0 && notifySocket === undefined) return spec;
  const { process, mounts = [] } = spec;
  const notify = {
    destination: NOTIFY_DIRECTORY,
    source: `${directory}/${NOTIFY}`,
    options: ["bind", "nosuid", "noexec", "nodev", "ro"],
  };
  const env = [
    ...(process?.env ?? []),
    ...(listenFds > 0 ? [`LISTEN_FDS=${listenFds}`, "LISTEN_PID=1"] : []),
    ...(notifySocket === undefined ? [] : [`NOTIFY_SOCKET=${NOTIFY_DIRECTORY}/${NOTIFY_SOCKET}`]),
  ];
  return {
    ...spec,
    ...(process === undefined ? {} : { process: { ...process, env } }),
    mounts: notifySocket === undefined ? mounts : [...mounts, notify],
  };
}

// Makes the process's working directory, which an image may name, if it is missing. Only files of the root
// itself are followed: a magic link, such as /proc/PID/root if the host's processes are visible, would lead
// out, and the directory would be made there (as in CVE-2024-21626). Called by the container's init.ts.

import { ENOENT, ENOSYS } from "../../linux/numbers/errno.ts";
import { O_DIRECTORY, O_PATH } from "../../linux/numbers/fcntl.ts";
import { close } from "../../proxy/calls/calls.ts";
import { orGoOn } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { componentsOf } from "../plan/paths.ts";
import { adapt } from "./adapt.ts";
import type { RootContext } from "./context.ts";
import { openFollowing } from "./open.ts";
import { createMissing, resolveInRoot } from "./resolve.ts";

/**
 * Checks that the directory exists, as it nearly always does, and makes it if not. If that fails, entering
 * the directory fails too.
 */
export function directoryStep(context: RootContext, path: string): Step {
  const attempt = `create the working directory "${path}"`;
  let isDone = componentsOf(path).length === 0;
  return {
    operations: () => {
      if (isDone) return [];
      const opened = openFollowing(context, { path, how: O_PATH | O_DIRECTORY }, attempt);
      return [opened, orGoOn(close(opened))];
    },
    recover: (failed) => {
      isDone = true;
      if (failed.result !== -ENOENT && failed.result !== -ENOSYS) return;
      adapt(context, failed);
      const names = componentsOf(path).filter((name) => name !== ".");
      const resolved = resolveInRoot(context, names.join("/"));
      if (!("call" in resolved)) createMissing(context, [{ path: resolved.path, kind: "directory" }]);
    },
  };
}

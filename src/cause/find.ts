// Passes a failure on to the file that can find its cause.

import type { TsrunError } from "../errors.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import { whyDeviceBusy } from "./busy.ts";
import type { Cause } from "./cause.ts";
import { whyConfined } from "./confined.ts";
import { whyNotExecuted } from "./execute.ts";
import { whyNotEnterable } from "./files.ts";
import { whyHookNotExecuted } from "./hooks.ts";
import {
  whyLimitRefused,
  whyNoSpace,
  whyNotCapable,
  whyNotPrivileged,
  whyNotWritten,
  whySysctlNotSet,
} from "./limits.ts";
import { whyNotFound } from "./lookup.ts";
import { whyNotEntered, whyNotJoined, whyNotMade, whyNotMapped } from "./namespaces.ts";
import { whyNoCgroup } from "./room.ts";
import type { Scene } from "./scene.ts";
import { hostCredentials } from "./self.ts";

/** The cause of a failure that has to do with the container's files or its process. */
export function causeOf({ subject, errno = "" }: TsrunError, scene: Scene): Cause | undefined {
  switch (subject?.kind) {
    case "lookup":
      return whyNotFound(scene, subject);
    case "execute":
      return whyNotExecuted(scene, subject.name, errno);
    case "directory":
      return whyNotEnterable(scene, subject.path);
    case "hook":
      return whyHookNotExecuted(subject, errno);
    case "rlimit":
      return whyLimitRefused(subject, errno);
    case "cgroup":
      return whyNotWritten(subject, errno);
    case "new cgroup":
      return whyNoCgroup(subject.directory, errno);
    case "call":
      return whyCallFailed(scene, subject, errno);
    case undefined:
      return undefined;
  }
}

function whyCallFailed(
  { sysctls, asked, who, label }: Scene,
  { call, attempt }: { readonly call: string; readonly attempt: string },
  errno: string,
): Cause | undefined {
  if (call === "capset" && errno === "EPERM") return whyNotCapable(asked, who.permitted);
  // In a user namespace of its own the process has capabilities that tsrun may lack.
  const own = (): bigint => who.permitted | hostCredentials().permitted;
  return (
    (who.uids === undefined ? whyNotPrivileged(attempt, errno, own) : undefined) ??
    whySysctlNotSet(sysctls, attempt, errno) ??
    whyNoSpace(call, errno) ??
    whyDeviceBusy(attempt, errno) ??
    whyNotEntered(attempt, errno) ??
    whyConfined(label, errno)
  );
}

/** The cause why the first process could not be created in its namespaces. */
export function causeOfEntry({ subject, errno = "" }: TsrunError, plan: NamespacePlan): Cause | undefined {
  // The ids of a new user namespace are written to files.
  if (subject === undefined) return whyNotMapped(plan, errno);
  if (subject.kind !== "call") return undefined;
  const { call, attempt } = subject;
  const join = plan.joins.find(({ path }) => attempt.endsWith(` namespace "${path}"`));
  if (join !== undefined) return whyNotJoined(join, errno);
  return call === "clone3" || call === "clone" || call === "unshare" ? whyNotMade(plan, errno) : undefined;
}

// An ordinary user for the tests that need one: Debian's `nobody`.

import { chmodSync, chownSync, cpSync, existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Condition } from "./behaviour.ts";
import { systemdDriver } from "./cgroup-driver.ts";
import type { Config } from "./config.ts";
import type { Container } from "./container.ts";
import type { Lab } from "./lab.ts";
import { runtimePath } from "./runtime.ts";

export const NOBODY = 65_534;

/** A reason to skip cases in which the user's containers have cgroups. */
export const needsOwnSystemd: Condition = systemdDriver
  ? "the user of the test has no systemd of its own"
  : undefined;

/** A wrapper that makes the call as the user, from a copy of the runtime that the user can reach. */
export function asUser(lab: Lab): string[] {
  const copy = join(lab.folder, basename(runtimePath));
  if (!existsSync(copy)) {
    cpSync(runtimePath, copy, { dereference: true });
    chmodSync(copy, 0o755);
  }
  const become = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  // The harness appends the runtime's own path, which is replaced here.
  return [...become, "sh", "-c", `shift; exec ${copy} "$@"`, "sh"];
}

/** Removes what an unprivileged user namespace cannot do, as `spec --rootless` does. */
export function rootless(config: Config): void {
  config.linux.namespaces = ["pid", "ipc", "uts", "mount", "user"].map((type) => ({ type }));
  config.linux.uidMappings = [{ containerID: 0, hostID: NOBODY, size: 1 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: NOBODY, size: 1 }];
  delete config.linux.cgroupsPath;
  config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
}

/** A container that belongs to the user, with a state root of the user's own. */
export function userContainer(lab: Lab, edit: (config: Config) => void): Container {
  const box = lab.container((config) => {
    rootless(config);
    edit(config);
  });
  if (!existsSync(lab.stateRoot)) mkdirSync(lab.stateRoot, { mode: 0o700 });
  for (const path of [lab.stateRoot, box.bundle, box.rootfs]) chownSync(path, NOBODY, NOBODY);
  return box;
}

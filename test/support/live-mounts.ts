// Shared code of the tests of `mounts add` and `mounts remove`.

import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needsKernel } from "./behaviour.ts";
import { type Config, type ConfigMount, mapIds } from "./config.ts";
import { type CallOptions, Container, mustSucceed } from "./container.ts";
import type { Lab } from "./lab.ts";
import type { Result } from "./runtime.ts";
import { needsCall } from "./without.ts";

export async function running(lab: Lab, edit: (config: Config) => void = () => {}): Promise<Container> {
  const box = lab.container((config) => {
    Container.script("sleep 1000")(config);
    edit(config);
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

/** A running container with a user namespace whose ids begin at this id of the host. */
export async function runningFor(lab: Lab, first: number): Promise<Container> {
  const box = lab.container((config) => {
    Container.script("sleep 1000")(config);
    mayMount(config);
    mapIds(config, first, 65_536);
  });
  for (const path of [box.bundle, box.rootfs]) chownSync(path, first, first);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

/** Lets programs in the container mount. */
export function mayMount(config: Config): void {
  const names = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];
  config.process.capabilities = { bounding: names, effective: names, permitted: names };
}

export interface Entry extends ConfigMount {
  uidMappings?: object[];
  gidMappings?: object[];
}

let files = 0;

export function mounts(
  action: "add" | "remove",
  box: Container,
  entries: Entry[] | string,
  options: CallOptions = {},
): Promise<Result> {
  files += 1;
  const file = join(box.lab.folder, `mounts-${files}.json`);
  writeFileSync(file, typeof entries === "string" ? entries : JSON.stringify(entries));
  return box.lab.invoke(["mounts", action, box.id, file], options);
}

export const at = (...destinations: string[]): Entry[] =>
  destinations.map((destination) => ({ destination }));

export function bind(source: string, destination: string, ...options: string[]): Entry {
  return { destination, source, type: "bind", options: ["bind", ...options] };
}

/** A directory of the host with a file `f`. */
export function hostDirectory(lab: Lab, name = "source"): string {
  const path = join(lab.folder, name);
  mkdirSync(path);
  writeFileSync(join(path, "f"), "of the host\n");
  return path;
}

export async function inside(box: Container, script: string): Promise<string> {
  const result = await box.lab.invoke(["exec", box.id, "/bin/sh", "-c", script]);
  return result.stdout.trimEnd();
}

/** The mounts in the container that are not in its configuration: mount point to options. */
export async function mountsInside(box: Container): Promise<Map<string, string>> {
  const { pid } = await box.stateDocument();
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").trimEnd().split("\n");
  const found = lines.map((line) => line.split(" "));
  const own = new Set(["/", ...box.config.mounts.map(({ destination }) => destination)]);
  const live = found.filter(([, , , , point = ""]) => !own.has(point) && !/^\/(dev|proc|sys)\//.test(point));
  return new Map(live.map(([, , , , point = "", options = ""]) => [point, options]));
}

/**
 * The calls that a bind mount in an existing container needs; there is no substitute. The last returns its
 * id.
 */
export const LIVE_CALLS = ["open_tree", "move_mount", "mount_setattr", "statx"] as const;

/** The condition of the tests that add one. */
export const needsLiveMounts =
  needsKernel(5, 12, "mount_setattr(2)") ??
  LIVE_CALLS.map((name) => needsCall(name, "a mount that is added")).find((reason) => reason !== undefined);

// `update`: change the limits of a container while it runs.

import { updateResources } from "../cgroups/driver.ts";
import { mergeResources } from "../cgroups/merge.ts";
import { TsrunError } from "../errors.ts";
import { readAll, readText } from "../linux/files.ts";
import { text } from "../linux/words.ts";
import { loadResources } from "../spec/load.ts";
import type { Resources } from "../spec/types.ts";
import type { GlobalOptions } from "./options.ts";
import { isAlive } from "./status.ts";
import { getStateDirectory } from "./store.ts";

/**
 * Sets what is asked for. Either all of it holds afterwards and is kept with the state, or nothing has
 * changed.
 */
export function updateContainer(globals: GlobalOptions, id: string, asked: Resources): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  if (!isAlive(record)) throw new TsrunError("E_STATE", "container not running");
  const current = record.resources ?? directory.loadConfig().linux?.resources ?? {};
  const merged = mergeResources(current, asked);
  updateResources(record.cgroup, merged, current);
  directory.save({ ...record, resources: merged.inForce });
}

/** Reads and checks the resources of `--resources`; `-` is standard input. */
export function readResources(path: string): Resources {
  if (path === "-") return loadResources(text(readAll(0, "standard input")), "standard input");
  return loadResources(readText(path), path);
}

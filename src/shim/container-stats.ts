// The resource usage of one of the shim's containers.

import { parseFlatKeyed } from "../cgroups/stats/parse.ts";
import { containerStats } from "../container/events.ts";
import type { GlobalOptions } from "../container/options.ts";
import { getStateDirectory } from "../container/store.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import type { Any } from "./messages/well-known.ts";
import { metricsV1, metricsV2 } from "./metrics.ts";

/** Throws for a container that does not run. */
export function statsOf(globals: GlobalOptions, id: string): Any {
  using directory = getStateDirectory(globals.root, id);
  const { driver, paths } = directory.load().cgroup;
  const event = containerStats(globals, id);
  if (event.type !== "stats") throw new Error("unreachable");
  if (driver === "v2") return metricsV2(event.data);
  return metricsV1(event.data, parseFlatKeyed(readTextIfThere(`${paths.memory}/memory.oom_control`)));
}

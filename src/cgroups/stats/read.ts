// Gathers a container's statistics. Called by `events`.

import { listDirectoryAt } from "../../linux/files/directories.ts";
import { readTextIfThere } from "../../linux/files/files.ts";
import type { CgroupRecord } from "../record.ts";
import { parseHugepageSizes } from "./parse.ts";
import type { Stats } from "./stats.ts";
import { statsV1 } from "./v1.ts";
import { statsV2 } from "./v2.ts";

/** What the container uses now. A missing file counts as zero. */
export function readStats({ driver, paths }: CgroupRecord): Stats {
  const source = {
    read: (controller: string, file: string): string | undefined => {
      const directory = paths[controller];
      return directory === undefined ? undefined : readTextIfThere(`${directory}/${file}`);
    },
    hugepageSizes: parseHugepageSizes(listDirectoryAt("/sys/kernel/mm/hugepages").map(({ name }) => name)),
  };
  return driver === "v2" ? statsV2(source) : statsV1(source);
}

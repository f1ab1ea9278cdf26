// Turns a cgroup file's old content into the write that restores it. Pure; called by writer.ts when an update
// fails half-way.

import type { CgroupWrite } from "./writes.ts";

/** The write that removes an entry: `8:0 0` removes a throttle of v1. */
const NO_ENTRY: Readonly<Record<string, (value: string) => string>> = {
  "io.max": () => "rbps=max wbps=max riops=max wiops=max",
  "rdma.max": () => "hca_handle=max hca_object=max",
  "io.bfq.weight": () => "default",
  "io.weight": () => "default",
  "io.latency": () => "target=0",
};

/** Files with an entry per device: the first word of the value is the device. */
function hasEntries({ file, value }: CgroupWrite): boolean {
  return (
    value.includes(" ") && (file in NO_ENTRY || file.endsWith("_device") || file === "net_prio.ifpriomap")
  );
}

/**
 * The write that restores the old content; `undefined` if the file had none that can be written.
 */
export function restoring(write: CgroupWrite, before: string): CgroupWrite | undefined {
  const { file } = write;
  const text = before.trim();
  if (hasEntries(write)) {
    const device = write.value.slice(0, write.value.indexOf(" "));
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${device} `));
    return { file, value: line ?? `${device} ${NO_ENTRY[file]?.(write.value) ?? "0"}` };
  }
  // `oom_kill_disable 0`, among other lines
  if (file === "memory.oom_control") return { file, value: text.split("\n")[0]?.split(" ")[1] ?? "0" };
  // `default 100`, and perhaps an entry for each device
  if (text.startsWith("default ")) return { file, value: text.split("\n")[0]?.slice(8) ?? "" };
  if (text === "" || text.includes("\n")) return undefined;
  return { file, value: text };
}

// Processes on the host that hold namespaces, to be joined by path. They end with the test.

import { spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import type { Lab } from "./lab.ts";
import { until } from "./wait.ts";

/** Starts a process in new namespaces (flags of unshare(1)) and resolves with its pid once it is in them. */
export async function holdNamespaces(lab: Lab, flags: readonly string[]): Promise<number> {
  const child = spawn(
    "unshare",
    ["--fork", "--kill-child", ...flags, "sh", "-c", "echo up; exec sleep 1000"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  lab.atClose(() => child.kill("SIGKILL"));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const parent = child.pid ?? 0;
  return until("unshare to have forked", () => {
    const pid = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8"));
    return pid > 0 ? pid : undefined;
  });
}

/** The identity of a namespace: the result of `readlink /proc/PID/ns/NAME`. */
export function namespaceOf(pid: number | "self", name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`);
}

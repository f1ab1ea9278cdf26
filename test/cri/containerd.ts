// The containerd that the scenarios talk to: it is already running, started from CONFIG, and some scenarios
// restart it.

import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { hasEnded, signalProcess } from "../support/host.ts";
import { until } from "../support/wait.ts";
import type { Client } from "./client.ts";

const CONFIG = "/rt/containerd.toml";
const LOG = "/lab/logs/containerd.log";
const PID_FILE = "/run/containerd.pid";

/** Ends containerd, calls the function while it is down, and starts it again. */
export async function restartContainerd(
  client: Client,
  signal: "SIGKILL" | "SIGTERM" = "SIGKILL",
  meanwhile: () => void | Promise<void> = () => {},
): Promise<void> {
  const pid = containerdPid();
  signalProcess(pid, signal);
  await until(`containerd ${pid} to end`, () => hasEnded(pid), 30_000);
  await meanwhile();
  await startContainerd(client);
}

export function containerdPid(): number {
  return Number(readFileSync(PID_FILE, "utf8"));
}

/** Starts containerd after it has ended, and waits until it answers. */
export async function startContainerd(client: Client): Promise<void> {
  const log = openSync(LOG, "a");
  const child = spawn("containerd", ["--config", CONFIG], { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  child.unref();
  writeFileSync(PID_FILE, String(child.pid));
  client.reconnect();
  await until("containerd to answer", () => answers(client), 60_000);
}

async function answers(client: Client): Promise<boolean> {
  try {
    await client.call("Status", {}, 2_000);
    return true;
  } catch {
    client.reconnect();
    return false;
  }
}

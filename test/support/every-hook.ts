// One hook of every kind, which writes what it sees to a file; for cases about the environment of hooks.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config, ConfigHook, HookKind } from "./config.ts";
import { type Container, mustSucceed } from "./container.ts";
import { isCrun, plainEnv } from "./runtime.ts";

export const KINDS: readonly HookKind[] = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
];

export const ON_HOST: readonly HookKind[] = ["prestart", "createRuntime", "poststart", "poststop"];

export function shell(script: string, rest: Partial<ConfigHook> = {}): ConfigHook {
  return { path: "/bin/sh", args: ["sh", "-c", script], ...rest };
}

/** SIGPIPE kills crun if a hook ends before crun has written its state. */
const READS_STATE = isCrun ? "; while read -r line; do :; done" : "";

/**
 * Lets a hook of every kind write what `script` prints to a file; those of startContainer see only the
 * container's root.
 */
export function everyKind(folder: string, script: string): (config: Config) => void {
  return (config) => {
    config.process.args = ["/bin/sleep", "1000"];
    config.hooks = Object.fromEntries(
      KINDS.map((kind) => {
        const file = kind === "startContainer" ? "/startContainer" : join(folder, kind);
        return [
          kind,
          [shell(`{ ${script}; } > ${file} 2>&1${READS_STATE}`, { env: [`PATH=${plainEnv.PATH}`] })],
        ];
      }),
    );
  };
}

export function written(folder: string, box: Container, kind: HookKind): string {
  return readFileSync(join(kind === "startContainer" ? box.rootfs : folder, kind), "utf8").trim();
}

export async function wholeLife(box: Container): Promise<number> {
  mustSucceed(await box.create());
  const { pid } = await box.stateDocument();
  mustSucceed(await box.start());
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete());
  return pid;
}

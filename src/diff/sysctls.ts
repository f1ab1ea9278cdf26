// Reads kernel parameters in the container's namespaces. A process sees the values of its own namespaces, so
// a helper enters those of the container, as that of `mounts add` does. It stays in the host's mount
// namespace, whose /proc the container cannot have changed, and in the host's pid namespace, where the
// container does not see it. Called by diff.ts.

import { TsrunError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { AT_FDCWD, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { hide } from "../namespaces/enter.ts";
import { becomeRoot } from "../namespaces/join.ts";
import { isIsolated, NAMESPACES, type NamespacePlan } from "../namespaces/plan.ts";
import { sysctlPath } from "../namespaces/sysctl.ts";
import { close, openat, read, setns } from "../proxy/calls/calls.ts";
import { operationError, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { startProxy, type Trace } from "../proxy/proxy.ts";
import { endHelper } from "../rootfs/host/helper.ts";
import { type Comparison, type Difference, NOTHING, unseen } from "./model.ts";
import { sameSysctl } from "./sysctl-values.ts";

/** The helper's descriptor of the first process's directory in /proc. */
const INIT = 3;
const CONTROL = 4;
/** No parameter is longer. */
const LONGEST = 4096;

export interface SysctlFacts {
  readonly init: Descriptor;
  readonly plan: NamespacePlan;
  readonly sysctl: Readonly<Record<string, string>>;
  readonly trace: Trace | undefined;
}

export function diffSysctls({ init, plan, sysctl, trace }: SysctlFacts): Comparison {
  const entries = Object.entries(sysctl);
  if (entries.length === 0) return NOTHING;
  const descriptors = [{ from: init.number, to: INIT }];
  const proxy = startProxy({ control: CONTROL, descriptors, trace });
  try {
    enter(proxy, plan);
    return { differences: entries.flatMap(([name, asked]) => compareOne(proxy, name, asked)), unseen: [] };
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return unseen("sysctls", error.message);
  } finally {
    endHelper(proxy);
  }
}

/** World: the host's mounts and processes, and the container's users, network, IPC and names. */
function enter(proxy: Conversation, plan: NamespacePlan): void {
  const attempt = "enter the container's namespaces";
  const kinds = (["user", "ipc", "uts", "network"] as const).filter((kind) => isIsolated(plan, kind));
  const files = kinds.map((kind) => ({
    kind,
    file: openat(INIT, `ns/${NAMESPACES[kind].proc}`, O_RDONLY, attempt),
  }));
  proxy.ask([hide(), ...files.map(({ file }) => file), close(INIT)]);
  proxy.ask(
    files.flatMap(({ kind, file }) => [
      setns(resultOf(file), NAMESPACES[kind].flag, attempt),
      ...(kind === "user" ? becomeRoot() : []),
      close(resultOf(file)),
    ]),
  );
}

function compareOne(proxy: Conversation, name: string, asked: string): Difference[] {
  const attempt = `read sysctl "${name}"`;
  const file = openat(AT_FDCWD, sysctlPath(name), O_RDONLY, attempt);
  const failed = proxy.attempt([file]);
  if (failed?.result !== undefined) {
    // A parameter that can only be written, such as route/flush, holds no value.
    if (operationError(failed).errno !== "ENOENT") return [];
    const costs = "what it should change does not exist any more: perhaps a network device is gone";
    return [{ ...line(name, asked), found: "no such parameter", costs }];
  }
  const reading = read(resultOf(file), LONGEST, attempt);
  const unread = proxy.attempt([reading]);
  proxy.attempt([close(resultOf(file))]);
  if (unread !== undefined) return [];
  // The kernel separates numbers by tabs.
  const found = text(reading.out.bytes.subarray(0, reading.result)).trim().replaceAll("\t", " ");
  if (sameSysctl(name, asked, found)) return [];
  return [{ ...line(name, asked), found, costs: "the kernel uses another value there" }];
}

function line(name: string, asked: string): Pick<Difference, "topic" | "what" | "asked" | "next"> {
  const next =
    'set it again in the container\'s namespaces: "nsenter --target PID --net --ipc --uts" enters them';
  return { topic: "sysctls", what: name, asked, next };
}

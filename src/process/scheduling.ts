// CPU and disk scheduling, personality and NUMA policy of a process: turns the configuration's words into the
// kernel's numbers, and makes the calls that set them. Pure. Called by the plan and, before privileges are
// dropped, by become-user.ts.

import { viewOf } from "../linux/call/words.ts";
import {
  IOPRIO_CLASS_SHIFT,
  IOPRIO_CLASSES,
  IOPRIO_WHO_PROCESS,
  MPOL_FLAGS,
  MPOL_MODES,
  PERSONALITIES,
  SCHED_ATTR_SIZE,
  SCHED_FLAGS,
  SCHED_POLICIES,
} from "../linux/numbers/scheduling.ts";
import { data, NULL, shown } from "../proxy/calls/arguments.ts";
import { type Operation, operation } from "../proxy/calls/operation.ts";
import type { IOPriority, MemoryPolicy, Personality, Scheduler } from "../spec/types.ts";
import { parseList } from "./cpu-list.ts";

/** The members of a process that concern scheduling; all are optional. */
export interface SchedulingPlan {
  readonly scheduler?: Scheduler | undefined;
  readonly ioPriority?: IOPriority | undefined;
  readonly personality?: Personality | undefined;
  readonly memoryPolicy?: MemoryPolicy | undefined;
}

/** The calls, in runc's order. They need privileges that are dropped later, such as CAP_SYS_NICE. */
export function schedulingOperations(plan: SchedulingPlan): Operation[] {
  const { scheduler, ioPriority, personality, memoryPolicy } = plan;
  return [
    ...(scheduler === undefined ? [] : [setScheduler(scheduler)]),
    ...(ioPriority === undefined ? [] : [setIoPriority(ioPriority)]),
    ...(personality === undefined ? [] : [setPersonality(personality)]),
    ...(memoryPolicy === undefined ? [] : [setMemoryPolicy(memoryPolicy)]),
  ];
}

/** Whether a child does not inherit the scheduler; a process with a deadline may not even fork (sched(7)). */
export function isLostByFork({ scheduler }: SchedulingPlan): boolean {
  const { policy, flags = [] } = scheduler ?? {};
  return policy === "SCHED_DEADLINE" || flags.includes("SCHED_FLAG_RESET_ON_FORK");
}

function setScheduler(scheduler: Scheduler): Operation {
  const attributes = data(schedulerAttributes(scheduler), () => `{sched_policy=${scheduler.policy}, …}`);
  return operation("sched_setattr", [0, attributes, 0], `set the scheduler to ${scheduler.policy}`);
}

/** What EPERM may mean for the requested policy (sched(7)). */
export function schedulerHint({ scheduler }: SchedulingPlan): string {
  switch (scheduler?.policy) {
    case "SCHED_DEADLINE":
      // AS RUNC: its text. SCHED_DEADLINE is only possible on all CPUs of the machine.
      return "process scheduler can't be used together with AllowedCPUs: SCHED_DEADLINE wants every CPU";
    case "SCHED_FIFO":
    case "SCHED_RR":
      return "a realtime policy wants CAP_SYS_NICE, and on cgroup v1 resources.cpu.realtimeRuntime as well";
    default:
      return "a priority above tsrun's own wants CAP_SYS_NICE";
  }
}

/** `struct sched_attr` of sched_setattr(2). */
export function schedulerAttributes(scheduler: Scheduler): Uint8Array {
  const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const bytes = new Uint8Array(SCHED_ATTR_SIZE);
  const view = viewOf(bytes);
  view.setUint32(0, SCHED_ATTR_SIZE, true);
  view.setUint32(4, SCHED_POLICIES[policy], true);
  view.setBigUint64(8, BigInt(bitsOf(SCHED_FLAGS, scheduler.flags ?? [])), true);
  view.setInt32(16, nice, true);
  view.setUint32(20, priority, true);
  view.setBigUint64(24, BigInt(runtime), true);
  view.setBigUint64(32, BigInt(deadline), true);
  view.setBigUint64(40, BigInt(period), true);
  return bytes;
}

function setIoPriority({ class: name, priority = 0 }: IOPriority): Operation {
  const value = (IOPRIO_CLASSES[name] << IOPRIO_CLASS_SHIFT) | priority;
  const who = shown(IOPRIO_WHO_PROCESS, "IOPRIO_WHO_PROCESS");
  return operation(
    "ioprio_set",
    [who, 0, shown(value, `IOPRIO_PRIO_VALUE(${name}, ${priority})`)],
    `set the I/O priority to ${name} ${priority}`,
  );
}

/** AS RUNC: flags are ignored, since the specification defines none. */
function setPersonality({ domain }: Personality): Operation {
  const value = shown(PERSONALITIES[domain], domain === "LINUX32" ? "PER_LINUX32" : "PER_LINUX");
  return operation("personality", [value], `set the personality to ${domain}`);
}

function setMemoryPolicy({ mode, nodes = "", flags: names = [] }: MemoryPolicy): Operation {
  const numbers = parseList(nodes);
  const value = MPOL_MODES[mode] | bitsOf(MPOL_FLAGS, names);
  const shownMode = [mode, ...names].join("|");
  const attempt = `set the memory policy to ${mode}`;
  if (numbers.length === 0) {
    return operation("set_mempolicy", [shown(value, shownMode), NULL, 0], attempt);
  }
  const mask = nodeMask(numbers);
  // The kernel takes `maxnode` as one more than the number of bits (get_nodes in mm/mempolicy.c).
  return operation(
    "set_mempolicy",
    [shown(value, shownMode), data(mask, () => `[${nodes}]`), mask.length * 8 + 1],
    attempt,
  );
}

/** A bit mask of whole 64-bit words. */
export function nodeMask(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array((Math.floor(Math.max(0, ...numbers) / 64) + 1) * 8);
  for (const number of numbers) {
    const at = number >> 3;
    bytes[at] = (bytes[at] ?? 0) | (1 << (number & 7));
  }
  return bytes;
}

function bitsOf<Name extends string>(table: Readonly<Record<Name, number>>, names: readonly Name[]): number {
  return names.reduce((bits, name) => bits | table[name], 0);
}

// Finds the topic that a system call belongs to: the topic of its stage, or a more specific one. Pure.

import type { Operation } from "../../proxy/calls/operation.ts";

/** The more specific topics of a stage, by the words for the purpose of a call. */
const CLOSER: Readonly<Record<string, readonly (readonly [attempt: RegExp, topic: string])[]>> = {
  namespaces: [
    [/^join a cgroup by/, "cgroup"],
    [/_map"$/, "ids"],
    [/timens_offsets"$/, "clocks"],
  ],
  mounts: [[/^(create device|link) "/, "devices"]],
  root: [[/^(look at|mask|make) "|^mask paths/, "paths"]],
  limits: [[/devices\.(allow|deny)"$|^guard the devices/, "device-access"]],
  identity: [
    [/from the bounding set$/, "dropped-capabilities"],
    [/capabilit|^make CAP_.* ambient$/, "capabilities"],
    [/^look for "/, "command"],
  ],
};

export function topicOf(stage: string, { call, attempt }: Operation): string {
  if (call === "seccomp") return "seccomp";
  return CLOSER[stage]?.find(([purpose]) => purpose.test(attempt))?.[1] ?? stage;
}

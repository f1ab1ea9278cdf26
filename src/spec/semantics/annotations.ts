// Rules about crun's annotations. Annotations that tsrun does not implement, and values at which crun would
// guess, are refused; annotations that crun does not know either are only a warning. crun(1), "Extensions to
// OCI".

import { NAME_MAX } from "../../linux/numbers/fcntl.ts";
import { CRUN_PREFIX, KEYS, MOUNT_CONTEXTS } from "../annotations.ts";
import { MOST_TOLD } from "../faults.ts";
import { childPointer } from "../json-positions.ts";
import { nearestWord } from "../nearest.ts";
import { quoted } from "../shorten.ts";
import { type Context, hasNul, isAbsolute, NUL_REASON, type Rule } from "./report.ts";

export const ANNOTATION_RULES: readonly Rule[] = [
  { about: ["spec", "annotations"], reads: ["/annotations"], check: annotations },
];

/** Whether a warning is about an annotation, which its author expects to have an effect. */
export function isOfAnnotation(pointer: string): boolean {
  return pointer.startsWith("/annotations/");
}

interface Problem {
  readonly reason: string;
  readonly hint?: string | undefined;
}

type Check = (value: string) => Problem | undefined;

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  [KEYS.keepsGroups, flag],
  [KEYS.refusesUnknownCalls, flag],
  [KEYS.hookStdout, absolutePath],
  [KEYS.hookStderr, absolutePath],
  [KEYS.seccompReceiver, absolutePath],
  [KEYS.pidfdReceiver, absolutePath],
  [KEYS.mountContext, mountContext],
  [KEYS.subgroup, cgroupName],
  [KEYS.delegate, cgroupName],
  [KEYS.seccompProgram, seccompProgram],
]);

/** Annotations of crun that tsrun does not have. Ignoring one would create a different container. */
const REFUSED: ReadonlyMap<string, Problem> = new Map([
  [
    "run.oci.handler",
    {
      reason: "tsrun has no handlers: the container's program would run as a process of this host",
      hint: "virtual machines and WebAssembly need crun's krun and crun-wasm",
    },
  ],
  [
    "run.oci.seccomp.plugins",
    {
      reason: "tsrun loads no plugins: nobody would answer the calls that the profile notifies of",
      hint: "name the socket of a seccomp agent in linux.seccomp.listenerPath",
    },
  ],
  [
    "run.oci.systemd.force_cgroup_v1",
    {
      reason: "tsrun mounts no hierarchy of cgroup v1 for a container on cgroup v2",
      hint: "it is for a systemd that does not know cgroup v2: update the systemd of the image, or use crun",
    },
  ],
]);

function annotations({ spec, report }: Context): void {
  const all = spec.annotations ?? {};
  for (const key in all) {
    if (!key.startsWith(CRUN_PREFIX)) continue;
    const value = all[key] ?? "";
    const problem = CHECKS.has(key) ? CHECKS.get(key)?.(value) : refused(key, all);
    if (problem !== undefined) report.fault(childPointer("/annotations", key), problem.reason, problem.hint);
    else if (!CHECKS.has(key) && !REFUSED.has(key)) {
      // Nobody reads more suggestions, and each takes time.
      const near = report.warnings.length < MOST_TOLD ? nearestWord(key, [...CHECKS.keys()]) : undefined;
      const meant = near === undefined ? "" : `; did you mean ${quoted(near)}?`;
      report.warn(
        childPointer("/annotations", key),
        `is no annotation of crun that tsrun knows, ignoring${meant}`,
      );
    }
  }
}

/** AS CRUN: the handler is ignored for a pod's sandbox container, which is always an ordinary process. */
function refused(key: string, all: Readonly<Record<string, string>>): Problem | undefined {
  if (key === "run.oci.handler" && all["io.kubernetes.cri.container-type"] === "sandbox") return undefined;
  return REFUSED.get(key);
}

/** DIFFERS: crun takes every value but "0" for true, even "false" and "no". */
function flag(value: string): Problem | undefined {
  return ["0", "1", "true"].includes(value)
    ? undefined
    : { reason: `must be "1" or "0", is ${quoted(value)}` };
}

/** DIFFERS: crun resolves a relative path from its working directory, which differs between commands. */
function absolutePath(value: string): Problem | undefined {
  if (hasNul(value)) return { reason: NUL_REASON };
  return isAbsolute(value) ? undefined : { reason: `must be an absolute path, is ${quoted(value)}` };
}

function mountContext(value: string): Problem | undefined {
  const words: readonly string[] = MOUNT_CONTEXTS;
  if (words.includes(value)) return undefined;
  const near = nearestWord(value, words);
  const reason = `must be one of ${words.join(", ")}, is ${quoted(value)}`;
  return { reason, hint: near === undefined ? undefined : `did you mean "${near}"?` };
}

/** Letters beyond ASCII count as three bytes each, which is the most that they take. */
function cgroupName(value: string): Problem | undefined {
  if (hasNul(value)) return { reason: NUL_REASON };
  const parts = value.split("/");
  if (parts.some((part) => part === "." || part === "..")) {
    return { reason: `must not hold "." or "..", is ${quoted(value)}` };
  }
  // The kernel makes a cgroup with a longer name, but few programs expect one.
  const isTooLong = parts.some((part) => part.replace(/[^ -~]/g, "...").length > NAME_MAX);
  return isTooLong ? { reason: `must have names of up to ${NAME_MAX} bytes` } : undefined;
}

/** `struct sock_filter`, and BPF_MAXINSNS of <linux/bpf_common.h>. */
const INSTRUCTION_SIZE = 8;
const MOST_INSTRUCTIONS = 4096;

/** Checks the size; the kernel checks the instructions when the program is installed. */
function seccompProgram(value: string): Problem | undefined {
  const size = (value.length / 4) * 3 - (value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0);
  if (size > MOST_INSTRUCTIONS * INSTRUCTION_SIZE) {
    return { reason: `must have at most ${MOST_INSTRUCTIONS} instructions of ${INSTRUCTION_SIZE} bytes` };
  }
  const isBase64 = value !== "" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
  if (!isBase64) return { reason: "must be a program for seccomp(2), as base64" };
  if (size % INSTRUCTION_SIZE === 0) return undefined;
  return { reason: `must consist of whole instructions of ${INSTRUCTION_SIZE} bytes, has ${size} bytes` };
}

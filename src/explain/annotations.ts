// crun's annotations in words: the effect of those that tsrun knows. Pure.

import { type Annotations, KEYS } from "../spec/annotations.ts";
import { childPointer } from "../spec/json-positions.ts";
import type { ExplainedPlan, Row, Section } from "./model.ts";

export function describeAnnotations({ annotations, cgroup }: ExplainedPlan): Section[] {
  const { hookFiles, refusesUnknownCalls, subgroup } = annotations;
  const rows = [
    row(KEYS.keepsGroups, annotations.keepsGroups, "the caller's supplementary groups are kept"),
    row(KEYS.hookStdout, hookFiles?.stdout, `the output of hooks is appended to "${hookFiles?.stdout}"`),
    row(
      KEYS.hookStderr,
      hookFiles?.stderr,
      `the standard error of hooks is appended to "${hookFiles?.stderr}"`,
    ),
    row(KEYS.mountContext, annotations.mountContext !== "context", contextWords(annotations)),
    row(
      KEYS.subgroup,
      subgroup,
      cgroup.subgroup === undefined ? WITHOUT_UNIT : `the container is in "${subgroup}" below the unit`,
    ),
    row(
      KEYS.delegate,
      annotations.delegate,
      `the container begins in "${annotations.delegate}" below its group, and may divide that`,
    ),
    row(KEYS.seccompReceiver, annotations.seccompReceiver, "the agent at this socket is notified"),
    row(
      KEYS.seccompProgram,
      annotations.seccompProgram,
      "a filter that is installed as it is, instead of the profile",
    ),
    row(
      KEYS.refusesUnknownCalls,
      refusesUnknownCalls,
      "a system call that libseccomp does not know is an error",
    ),
    row(
      KEYS.pidfdReceiver,
      annotations.pidfdReceiver,
      `"${annotations.pidfdReceiver}" gets a pidfd of the first process`,
    ),
  ].flat();
  if (rows.length === 0) return [];
  return [
    {
      topic: "annotations",
      pointer: "/annotations",
      title: "Annotations: what those of crun change",
      text: ["Annotations are notes that a runtime ignores, except these."],
      table: {
        columns: [
          ["annotation", "ANNOTATION"],
          ["effect", "WHAT IT DOES"],
        ],
        rows,
      },
    },
  ];
}

const WITHOUT_UNIT = "nothing: the control group is not made by systemd";

function row(annotation: string, value: string | boolean | undefined, effect: string): Row[] {
  if (value === undefined || value === false) return [];
  return [{ annotation, effect, pointer: childPointer("/annotations", annotation) }];
}

function contextWords({ mountContext }: Annotations): string {
  return `SELinux labels of mounts are set by the option ${mountContext}`;
}

// crun's annotations in words: the effect of those that tsrun knows. Pure.

import { type Annotations, KEYS } from "../spec/annotations.ts";
import type { ExplainedPlan, Row, Section } from "./model.ts";

export function describeAnnotations({ annotations, cgroup }: ExplainedPlan): Section[] {
  const { hookFiles, refusesUnknownCalls, subgroup } = annotations;
  const rows = [
    row(KEYS.keepsGroups, annotations.keepsGroups, "the caller's supplementary groups are kept"),
    row(KEYS.hookStdout, hookFiles?.stdout, `what hooks print is appended to "${hookFiles?.stdout}"`),
    row(KEYS.hookStderr, hookFiles?.stderr, `their errors are appended to "${hookFiles?.stderr}"`),
    row(KEYS.mountContext, annotations.mountContext !== "context", contextWords(annotations)),
    row(
      KEYS.subgroup,
      subgroup,
      cgroup.subgroup === undefined ? WITHOUT_UNIT : `it is in "${subgroup}" of it`,
    ),
    row(
      KEYS.delegate,
      annotations.delegate,
      `it begins in "${annotations.delegate}" of it, and may divide it`,
    ),
    row(KEYS.seccompReceiver, annotations.seccompReceiver, "the agent at this socket is notified"),
    row(
      KEYS.seccompProgram,
      annotations.seccompProgram,
      "a filter that is installed as it is, for the profile",
    ),
    row(KEYS.refusesUnknownCalls, refusesUnknownCalls, "a system call that is not known is an error"),
    row(KEYS.pidfdReceiver, annotations.pidfdReceiver, `"${annotations.pidfdReceiver}" gets a pidfd of it`),
  ].flat();
  if (rows.length === 0) return [];
  return [
    {
      topic: "annotations",
      title: "Annotations: what crun's add",
      text: ["Annotations are notes that mean nothing to a runtime, but for these."],
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

const WITHOUT_UNIT = "nothing: no systemd makes the control group";

function row(annotation: string, value: string | boolean | undefined, effect: string): Row[] {
  return value === undefined || value === false ? [] : [{ annotation, effect }];
}

function contextWords({ mountContext }: Annotations): string {
  return `SELinux labels of mounts are given by the option ${mountContext}`;
}

// A seccomp profile in words: which system calls it allows, and what happens to the others. Pure.

import type { Condition, FilterPlan, RuleGroup } from "../seccomp/plan.ts";
import {
  actionToken,
  architectureName,
  flagBit,
  operatorToken,
  SECCOMP_ACTIONS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "../seccomp/tables.ts";
import { KEYS } from "../spec/annotations.ts";
import { childPointer } from "../spec/json-positions.ts";
import { counted, type ExplainedPlan, type Row, type Section } from "./model.ts";

/** The part of a filter's result that is the action; the rest is a number for it. */
const ACTION_BITS = 0xffff0000;

const WORDS: Readonly<Record<string, string>> = {
  SCMP_ACT_ALLOW: "is let through",
  SCMP_ACT_ERRNO: "fails with errno",
  SCMP_ACT_KILL: "ends the thread",
  SCMP_ACT_KILL_THREAD: "ends the thread",
  SCMP_ACT_KILL_PROCESS: "ends the process",
  SCMP_ACT_LOG: "is let through, and logged",
  SCMP_ACT_NOTIFY: "is decided by the agent at listenerPath",
  SCMP_ACT_TRACE: "is decided by a tracer, which gets the number",
  SCMP_ACT_TRAP: "sends the signal SIGSYS",
};

const OPERATORS: Readonly<Record<string, string>> = {
  SCMP_CMP_EQ: "=",
  SCMP_CMP_GE: "≥",
  SCMP_CMP_GT: ">",
  SCMP_CMP_LE: "≤",
  SCMP_CMP_LT: "<",
  SCMP_CMP_NE: "≠",
};

const SECCOMP = "/linux/seccomp";

export function describeSeccomp({ annotations, filter, process }: ExplainedPlan): Section[] {
  const title = "Seccomp: which system calls it may make";
  if (annotations.seccompProgram !== undefined) {
    const text =
      "An annotation of the configuration has a ready-made filter, which takes the place of the profile. " +
      "The kernel runs it before every system call; what it lets through is not shown here.";
    const pointer = childPointer("/annotations", KEYS.seccompProgram);
    return [{ topic: "seccomp", title, text: [text], pointer }];
  }
  if (filter === undefined) {
    const text = "There is no profile: every system call may be tried, and the kernel's other checks decide.";
    return [{ topic: "seccomp", title, text: [text], pointer: SECCOMP }];
  }
  const when = process.noNewPrivileges
    ? "It is installed last of all, right before the command."
    : "It is installed before the container waits for start, while there is still the privilege for it.";
  return [
    {
      topic: "seccomp",
      title,
      pointer: SECCOMP,
      facts: [
        {
          name: "any other call",
          value: actionWords(filter.defaultAction),
          pointer: `${SECCOMP}/defaultAction`,
        },
      ],
      text: [
        "A filter that the kernel asks before every system call of the container, and that nothing in it " +
          `can remove. ${when}`,
        `A call that no line names ${actionWords(filter.defaultAction)}.${newer(filter)}`,
      ],
      table: {
        columns: [
          ["action", "A CALL OF THESE"],
          ["condition", "IF"],
          ["calls", "SYSTEM CALLS"],
        ],
        rows: filter.groups.map((group, index) => ({
          ...groupRow(group),
          pointer: `${SECCOMP}/syscalls/${index}`,
        })),
      },
      notes: notesOf(filter),
    },
  ];
}

function newer({ enosysForNewer }: FilterPlan): string {
  return enosysForNewer
    ? " One that is newer than all that the profile names fails with ENOSYS, as on an older kernel."
    : "";
}

function groupRow({ names, action, alternatives }: RuleGroup): Row {
  const conditions = alternatives
    .filter((one) => one.length > 0)
    .map((one) => one.map(conditionWords).join(" and "));
  return {
    action: actionWords(action),
    condition: conditions.join(", or "),
    calls: names.join(" "),
  };
}

/** `is let through`, `fails with errno 1` */
function actionWords(value: number): string {
  const name = SECCOMP_ACTIONS.find((one) => actionToken(one) === (value & ACTION_BITS) >>> 0) ?? "";
  const number = value & ~ACTION_BITS;
  const words = WORDS[name] ?? name;
  return name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE" ? `${words} ${number}` : words;
}

function conditionWords({ index, operator, value, valueTwo }: Condition): string {
  const name = SECCOMP_OPERATORS.find((one) => operatorToken(one) === operator) ?? "";
  if (name === "SCMP_CMP_MASKED_EQ") return `argument ${index} & 0x${value.toString(16)} = ${valueTwo}`;
  return `argument ${index} ${OPERATORS[name] ?? name} ${value}`;
}

function notesOf({ architectures, flags, groups }: FilterPlan): string[] {
  const count = groups.reduce((sum, { names }) => sum + names.length, 0);
  const named = architectures.map((one) => architectureName(one).replace("SCMP_ARCH_", "").toLowerCase());
  const set = SECCOMP_FLAGS.filter((name) => {
    const bit = flagBit(name) ?? 0;
    return bit !== 0 && (flags & bit) === bit;
  });
  return [
    `${counted(count, "name")} in ${counted(groups.length, "rule")}; ` +
      "names that this machine does not know are skipped.",
    ...(named.length === 0 ? [] : [`It applies to programs of this machine and of ${named.join(", ")}.`]),
    ...(set.length === 0 ? [] : [`Flags of seccomp(2): ${set.join(", ")}.`]),
  ];
}

// The hooks of a container in words: what runs when, and where. Pure.

import { argumentsOf, HOOK_KINDS, type HookKind } from "../hooks/plan.ts";
import { type ExplainedPlan, type Section, shellWords } from "./model.ts";

const WHEN: Readonly<Record<HookKind, string>> = {
  prestart: "when namespaces and mounts are made, on the host",
  createRuntime: "after those, on the host",
  createContainer: "after those, in the container's namespaces, while the host's files can still be reached",
  startContainer: "on start, inside the container, right before its command",
  poststart: "when the command has been started, on the host",
  poststop: "when the container is deleted, or could not be made, on the host",
};

export function describeHooks({ bundle }: ExplainedPlan): Section[] {
  const hooks = bundle.spec.hooks ?? {};
  const rows = HOOK_KINDS.flatMap((kind) =>
    (hooks[kind] ?? []).map((hook, index) => ({
      kind,
      when: WHEN[kind],
      command: shellWords([hook.path, ...argumentsOf(hook).slice(1)]),
      limit: hook.timeout === undefined || hook.timeout <= 0 ? "none" : `${hook.timeout} s`,
      pointer: `/hooks/${kind}/${index}`,
    })),
  );
  if (rows.length === 0) return [];
  return [
    {
      topic: "hooks",
      pointer: "/hooks",
      title: "Hooks: programs that run at certain points",
      text: [
        "Each gets the state of the container as JSON on its standard input. If one fails, or takes " +
          "longer than its limit, the container is not made; if one of poststop does, that is only reported.",
      ],
      table: {
        columns: [
          ["kind", "HOOK"],
          ["command", "COMMAND"],
          ["limit", "TIME LIMIT"],
          ["when", "WHEN AND WHERE"],
        ],
        rows,
      },
    },
  ];
}

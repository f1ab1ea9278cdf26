// The rules that a schema cannot express. All are tried, so that one error reports all faults. Called by
// load.ts.

import type { Fault, Untold, Warning } from "./faults.ts";
import { keysAt } from "./known-keys.ts";
import { nearestWord } from "./nearest.ts";
import { ANNOTATION_RULES } from "./semantics/annotations.ts";
import { LINUX_RULES } from "./semantics/linux.ts";
import { MOUNT_RULES } from "./semantics/mounts.ts";
import { NAMESPACE_RULES } from "./semantics/namespaces.ts";
import { PROCESS_RULES } from "./semantics/process.ts";
import {
  type Caller,
  type Context,
  isAbsolute,
  type PartRule,
  Report,
  type Rule,
} from "./semantics/report.ts";
import { RESOURCE_RULES } from "./semantics/resources.ts";
import { ROOTLESS_RULES } from "./semantics/rootless.ts";
import { SYSCTL_RULES } from "./semantics/sysctl.ts";
import type { Process, Resources, Spec } from "./types.ts";

export interface Findings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Warning[];
  /** How many more there are of either. */
  readonly untold: Untold;
}

const RULES: readonly Rule[] = [
  { reads: ["/ociVersion"], check: ociVersion },
  // AS RUNC, and with its texts: both are optional in the specification, but required to start a container.
  { reads: ["/process"], check: presence("process", "process property must not be empty") },
  { reads: ["/root"], check: presence("root", "root must be specified") },
  { about: ["spec", "hooks"], reads: [], check: hooks },
  ...NAMESPACE_RULES,
  ...SYSCTL_RULES,
  ...MOUNT_RULES,
  ...LINUX_RULES,
  ...ANNOTATION_RULES,
];

/** Tries every rule on a configuration, except those that read a value with a fault of the schema. */
export function checkSpec(spec: Spec, caller: Caller, schemaFaults: readonly Fault[] = []): Findings {
  const report = new Report(schemaFaults);
  return report.collect(() => {
    const context = { spec, caller, report };
    checkRules(RULES, context);
    if (caller.euid !== 0) checkRules(ROOTLESS_RULES, context);
    const { process, linux } = spec;
    if (process !== undefined) checkPart(process, PROCESS_RULES, { at: "/process", report });
    if (linux?.resources !== undefined) {
      checkPart(linux.resources, RESOURCE_RULES, { at: "/linux/resources", report });
    }
  });
}

/** The faults that `linux.namespaces` is the reason for. */
export function checkNamespaces(spec: Spec): readonly Fault[] {
  const report = new Report([]);
  const context = { spec, caller: { euid: 0 }, report };
  return report.collect(() => checkRules([...NAMESPACE_RULES, ...SYSCTL_RULES], context)).faults;
}

function checkRules(rules: readonly Rule[], context: Context): void {
  for (const { about, reads, check } of rules) {
    if (about !== undefined && isAbsent(context.spec, about)) continue;
    if (areSound(reads, "", context.report)) check(context);
  }
}

function isAbsent(spec: Spec, about: NonNullable<Rule["about"]>): boolean {
  // The engine takes ten times as long to take a pair apart.
  const holder = about[0];
  const key = about[1];
  const object = holder === "spec" ? spec : spec[holder];
  return object === undefined || (object as Readonly<Record<string, unknown>>)[key] === undefined;
}

function areSound(reads: readonly string[], at: string, report: Report): boolean {
  if (!report.hasSchemaFaults) return true;
  return reads.every((pointer) => report.isSound(at + pointer));
}

/** Like checkSpec, for the process file of exec. */
export function checkProcess(process: Process, schemaFaults: readonly Fault[] = []): Findings {
  const report = new Report(schemaFaults);
  return report.collect(() => checkPart(process, PROCESS_RULES, { at: "", report }));
}

/** Like checkSpec, for the resources of update. */
export function checkResources(resources: Resources, schemaFaults: readonly Fault[] = []): Findings {
  const report = new Report(schemaFaults);
  return report.collect(() => checkPart(resources, RESOURCE_RULES, { at: "", report }));
}

/**
 * Like checkSpec, for mounts that are added to a container; the other members of `spec` are the container's.
 */
export function checkMounts(spec: Spec, caller: Caller, schemaFaults: readonly Fault[] = []): Findings {
  const report = new Report(schemaFaults);
  return report.collect(() => checkRules(MOUNT_RULES, { spec, caller, report }));
}

function checkPart<Part>(
  part: Part,
  rules: readonly PartRule<Part>[],
  { at, report }: { at: string; report: Report },
): void {
  for (const { about, reads, check } of rules) {
    if (about !== undefined && part[about] === undefined) continue;
    if (areSound(reads, at, report)) check(part, at, report);
  }
}

function presence(key: "process" | "root", reason: string): (context: Context) => void {
  return ({ spec, report }) => {
    if (spec[key] !== undefined) return;
    const known = keysAt("", "Spec");
    const misspelt = nearestWord(
      key,
      Object.keys(spec).filter((name) => !known.includes(name)),
    );
    if (misspelt === undefined) report.fault(`/${key}`, reason);
    else {
      const unknown = `${reason}: ${JSON.stringify(misspelt)} is unknown`;
      report.fault(`/${key}`, unknown, `did you mean "${key}"?`);
    }
  };
}

/**
 * DIFFERS: runc does not check. In another major version the same words may mean something else.
 */
function ociVersion({ spec, report }: Context): void {
  if (/^1\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]*)?$/.test(spec.ociVersion)) return;
  const version = JSON.stringify(spec.ociVersion);
  report.fault("/ociVersion", `must be a version 1.x.y of the runtime specification, is ${version}`);
}

const HOOK_LISTS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

function hooks({ spec, report }: Context): void {
  for (const list of HOOK_LISTS) {
    report.each(spec.hooks?.[list], `/hooks/${list}`, ({ path }, index) => {
      if (!isAbsolute(path)) {
        report.fault(`/hooks/${list}/${index}/path`, `must be an absolute path, is ${JSON.stringify(path)}`);
      }
    });
  }
}

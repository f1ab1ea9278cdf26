// Makes, joins and changes a container's resctrl group. The caller passes the functions that access the file
// system; the rest is pure. Called by the create and update stories.

import { TsrunError } from "../errors.ts";
import { EEXIST, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import type { RdtRecord } from "../spec/types.ts";
import { differingLine, linesBefore, type Need, type RdtPlan } from "./plan.ts";

/** Access to the file system; results are 0 or negated errnos. */
export interface ResctrlTree {
  /** Where resctrl is mounted. */
  readonly root: string;
  exists(path: string): boolean;
  makeDirectory(path: string): number;
  removeDirectory(path: string): number;
  /** `undefined` if it cannot be read. */
  read(path: string): string | undefined;
  write(path: string, text: string): number;
}

export function recordOf({ root }: ResctrlTree, { group, own, monitor }: RdtPlan): RdtRecord {
  const directory = group === "" ? root : `${root}/${group}`;
  const monitoring = monitor === undefined ? undefined : `${directory}/mon_groups/${monitor}`;
  const remove = own ? directory : monitoring;
  return {
    schemata: `${directory}/schemata`,
    tasks: [`${directory}/tasks`, ...(monitoring === undefined ? [] : [`${monitoring}/tasks`])],
    ...(remove === undefined ? {} : { remove }),
  };
}

/** Throws if the machine lacks a requested feature. `tree` is absent if resctrl is not mounted. */
export function checkHost(tree: ResctrlTree | undefined, needs: readonly Need[]): ResctrlTree {
  if (tree === undefined) {
    const words = needs[0]?.words ?? "cannot use /linux/intelRdt";
    throw new TsrunError("E_UNSUPPORTED", `${words}: no resctrl file system is mounted`, {
      hint: "mount -t resctrl resctrl /sys/fs/resctrl; processor and kernel must have Intel RDT",
    });
  }
  for (const { info, words, feature } of needs) {
    const path = `${tree.root}/info/${info}`;
    const why = "the processor lacks it, or the kernel was booted with it switched off";
    if (!tree.exists(path)) {
      throw new TsrunError("E_UNSUPPORTED", words, { hint: `there is no "${path}": ${why}` });
    }
    const features = feature === undefined ? [] : (tree.read(`${path}/mon_features`) ?? "").split("\n");
    if (feature === undefined || features.some((line) => line.startsWith(feature))) continue;
    throw new TsrunError("E_UNSUPPORTED", words, {
      hint: `"${path}/mon_features" names no "${feature}": ${why}`,
    });
  }
  return tree;
}

/** Throws if a group that must exist does not. */
export function checkGroup(tree: ResctrlTree, { group, mustExist }: RdtPlan): void {
  if (!mustExist || tree.exists(`${tree.root}/${group}`)) return;
  throw new TsrunError("E_CONFIG", `cannot use the resctrl group "${group}": there is none of that name`, {
    hint: "only with l3CacheSchema, memBwSchema or schemata is a group made that linux.intelRdt.closID names",
  });
}

/**
 * Makes the group, or uses the existing one, and moves a process into it. Returns a function that undoes
 * that.
 */
export function makeGroup(tree: ResctrlTree, plan: RdtPlan, pid: number): () => void {
  const made: string[] = [];
  const takeBack = (): void => {
    for (const directory of made.splice(0).reverse()) tree.removeDirectory(directory);
  };
  try {
    const { schemata, tasks } = recordOf(tree, plan);
    for (const file of tasks) {
      const directory = file.slice(0, file.lastIndexOf("/"));
      if (directory !== tree.root && make(tree, directory)) made.push(directory);
      if (file === tasks[0]) fill(tree, plan, { schemata, isNew: made.length > 0 });
      write(tree, file, `${pid}`);
    }
  } catch (error) {
    takeBack();
    throw error;
  }
  return takeBack;
}

/** Writes lines of the schemata. Returns a function that undoes that. */
export function changeSchemata(tree: ResctrlTree, schemata: string, lines: readonly string[]): () => void {
  const before = linesBefore(lines, tree.read(schemata) ?? "");
  writeLines(tree, schemata, lines);
  return () => {
    if (before.length > 0) tree.write(schemata, before.map((line) => `${line}\n`).join(""));
  };
}

/**
 * Writes a new group's schemata. An existing one, which others may share, must already have them
 * (specification).
 */
function fill(
  tree: ResctrlTree,
  { group, own, lines }: RdtPlan,
  { schemata, isNew }: { readonly schemata: string; readonly isNew: boolean },
): void {
  if (lines.length === 0) return;
  if (own || isNew) {
    writeLines(tree, schemata, lines);
    return;
  }
  const differs = differingLine(lines, tree.read(schemata) ?? "");
  if (differs === undefined) return;
  throw new TsrunError("E_CONFIG", `cannot use the resctrl group "${group}": it is not "${differs}"`, {
    hint: `"${schemata}" says what it is; remove the schemata from linux.intelRdt, or name another closID`,
  });
}

/** Makes the directory; returns whether it is new. */
function make(tree: ResctrlTree, directory: string): boolean {
  const result = tree.makeDirectory(directory);
  if (result === -EEXIST) return false;
  if (result < 0) throw failure(tree, `create the resctrl group "${directory}"`, -result);
  return true;
}

function writeLines(tree: ResctrlTree, schemata: string, lines: readonly string[]): void {
  write(tree, schemata, lines.map((line) => `${line}\n`).join(""));
}

function write(tree: ResctrlTree, file: string, text: string): void {
  const result = tree.write(file, text);
  if (result < 0) throw failure(tree, `write ${JSON.stringify(text.trim())} to "${file}"`, -result);
}

/** The error of a failure, with the explanation that the kernel writes to a file. */
function failure(tree: ResctrlTree, attempt: string, errno: number): TsrunError {
  const status = tree.read(`${tree.root}/info/last_cmd_status`)?.trim() ?? "";
  const said = status === "" || status === "ok" ? "" : `, last_cmd_status: ${status}`;
  return new TsrunError("E_CGROUP", `cannot ${attempt}: ${errnoWords(errno)}${said}`, {
    errno: errnoName(errno),
  });
}

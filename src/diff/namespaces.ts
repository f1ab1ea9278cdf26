// Compares the namespaces of the first process with those asked for: a new one must not be the host's, and a
// joined one must be the one at its path. Called by diff.ts, with the process's directory of /proc open.

import { TsrunError } from "../errors.ts";
import {
  type Descriptor,
  filesystemType,
  open,
  readLink,
  readTextIfThere,
  status,
} from "../linux/files/files.ts";
import { O_PATH } from "../linux/numbers/fcntl.ts";
import { NSFS_MAGIC } from "../linux/numbers/mount.ts";
import {
  idMapText,
  NAMESPACE_KINDS,
  NAMESPACES,
  type NamespaceKind,
  type NamespacePlan,
} from "../namespaces/plan.ts";
import type { IDMapping } from "../spec/types.ts";
import type { Comparison, Difference, Unseen } from "./model.ts";

export interface NamespaceFacts {
  /** The first process's directory of /proc. */
  readonly init: Descriptor;
  readonly plan: NamespacePlan;
  /** Whether the host ids in the configuration's maps are also ids in the reader's user namespace. */
  readonly isParent: boolean;
}

export function diffNamespaces({ init, plan, isParent }: NamespaceFacts): Comparison {
  const differences: Difference[] = [];
  const unseen: Unseen[] = [];
  for (const kind of NAMESPACE_KINDS) {
    const name = `ns/${NAMESPACES[kind].proc}`;
    const found = readLink(name, { at: init.number });
    if (found === undefined) {
      // An older kernel has no namespaces of this kind.
      if (plan.created.has(kind))
        unseen.push({ topic: "namespaces", why: `the ${kind} namespace cannot be read` });
      continue;
    }
    const difference = compareOne(kind, found, plan);
    if (difference !== undefined) differences.push(difference);
  }
  if (plan.created.has("user") && isParent) {
    differences.push(
      ...compareMap("uid_map", plan.uidMappings, readTextIfThere("uid_map", { at: init.number })),
      ...compareMap("gid_map", plan.gidMappings, readTextIfThere("gid_map", { at: init.number })),
    );
  }
  return { differences, unseen };
}

const ANEW = "start a new container";

function compareOne(kind: NamespaceKind, found: string, plan: NamespacePlan): Difference | undefined {
  const line = { topic: "namespaces", what: `${kind} namespace`, found } as const;
  const own = readLink(`/proc/self/ns/${NAMESPACES[kind].proc}`);
  if (plan.created.has(kind)) {
    if (found !== own) return undefined;
    const costs = "it sees and changes what belongs to the host";
    return { ...line, asked: "one of its own", found: `the host's, ${found}`, costs, next: ANEW };
  }
  const join = plan.joins.find((one) => one.kind === kind);
  if (join !== undefined) {
    const asked = linkOf(join.path, kind);
    if (asked === undefined || asked === found) return undefined;
    const costs = "it does not share the namespace with whatever the path belongs to";
    return { ...line, asked: `that of ${join.path}, ${asked}`, costs, next: ANEW };
  }
  // tsrun itself may be in another namespace than the host's first process.
  const first = readLink(`/proc/1/ns/${NAMESPACES[kind].proc}`);
  if (found === own || found === first || first === undefined || kind === "user") return undefined;
  const costs = "it does not see what the host has there";
  const next = `nothing, if the program created it; otherwise ${ANEW}`;
  return { ...line, asked: `the host's, ${own}`, costs, next };
}

/** `net:[4026531840]`, as the links of /proc/PID/ns read; `undefined` if no namespace is there any more. */
function linkOf(path: string, kind: NamespaceKind): string | undefined {
  try {
    using file = open(path, O_PATH);
    if (filesystemType(file.number) !== NSFS_MAGIC) return undefined;
    const found = status("", { at: file.number, itself: true });
    return found === undefined ? undefined : `${NAMESPACES[kind].proc}:[${found.inode}]`;
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

/** The kernel prints maps in columns, and in its own order. */
function compareMap(file: string, mappings: readonly IDMapping[], text: string | undefined): Difference[] {
  if (text === undefined || mappings.length === 0) return [];
  const rows = (map: string) =>
    map
      .trim()
      .split("\n")
      .map((row) => row.trim().split(/\s+/).join(" "))
      .sort();
  const [asked, found] = [rows(idMapText(mappings)).join(", "), rows(text).join(", ")];
  if (asked === found) return [];
  const costs = "its users are other users on the host than those asked for";
  return [{ topic: "namespaces", what: file, asked, found, costs, next: ANEW }];
}

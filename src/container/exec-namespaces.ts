// Which namespaces a process of `exec` joins.

import { type Descriptor, readLink } from "../linux/files/files.ts";
import { type Join, NAMESPACE_KINDS, NAMESPACES, type NamespaceKind } from "../namespaces/plan.ts";
import type { Spec } from "../spec/types.ts";

/**
 * The namespaces of the first process that tsrun is not in itself: joining one's own user namespace is an
 * error. Namespaces that were made for the container need no comparison, except its user namespace, which
 * tsrun's caller may be in.
 */
export function namespacesOf(init: Descriptor, made: ReadonlySet<NamespaceKind>): Join[] {
  const joins: Join[] = [];
  for (const kind of NAMESPACE_KINDS) {
    const path = `ns/${NAMESPACES[kind].proc}`;
    const isOther = made.has(kind) && kind !== "user";
    if (isOther || readLink(path, { at: init.number }) !== readLink(`/proc/self/${path}`)) {
      joins.push({ kind, path });
    }
  }
  return joins;
}

/** Those that were made for the container, and not given by a path. */
export function namespacesMade({ linux }: Spec): ReadonlySet<NamespaceKind> {
  const made = (linux?.namespaces ?? []).filter(({ path = "" }) => path === "");
  return new Set(made.map(({ type }) => type));
}

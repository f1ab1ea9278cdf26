// The input of a rule, and the report to which it adds faults. Shared by the rules of this folder.

import { type Fault, MOST_COUNTED, MOST_TOLD, type Untold, type Warning } from "../faults.ts";
import type { NamespaceType, Spec } from "../types.ts";

/** Facts about whoever runs tsrun that rules need. */
export interface Caller {
  /** The effective user id of tsrun; if it is not 0, the container is rootless. */
  readonly euid: number;
  /** The effective group id; if absent, the same number. */
  readonly egid?: number;
}

/** Thrown to stop trying rules: the report is full. */
class Enough extends Error {}

export class Report {
  readonly faults: Fault[] = [];
  readonly warnings: Warning[] = [];
  readonly #untold = { faults: 0, warnings: 0 };
  readonly #schemaFaults: readonly Fault[];

  constructor(schemaFaults: readonly Fault[]) {
    this.#schemaFaults = schemaFaults;
  }

  /** Tries rules until the report is full. */
  collect(rules: () => void): this {
    try {
      rules();
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    }
    return this;
  }

  get hasSchemaFaults(): boolean {
    return this.#schemaFaults.length > 0;
  }

  /** Adds a fault: something that is impossible or forbidden. */
  fault(pointer: string, reason: string, hint?: string): void {
    if (!this.isFull) this.faults.push(hint === undefined ? { pointer, reason } : { pointer, reason, hint });
    else this.#untold.faults++;
    if (this.#untold.faults >= MOST_COUNTED) throw new Enough();
  }

  /** Whether further faults are only counted, so that they need no hint. */
  get isFull(): boolean {
    return this.faults.length >= MOST_TOLD;
  }

  /** How many findings there are beyond `faults` and `warnings`. */
  get untold(): Untold {
    return this.#untold;
  }

  /** Adds a warning: tsrun ignores or changes a setting. */
  warn(pointer: string, message: string): void {
    if (this.warnings.length < MOST_TOLD) this.warnings.push({ pointer, message });
    else this.#untold.warnings++;
  }

  /** Whether the schema has found no fault in a value or in a value that encloses it. */
  isSound(pointer: string): boolean {
    return this.#schemaFaults.every(
      (fault) => !`${fault.pointer}/`.startsWith(`${pointer}/`) && !isAround(fault.pointer, pointer),
    );
  }

  /** Calls the function for every entry of a list in which the schema has found no fault. */
  each<Entry>(
    list: readonly Entry[] | undefined,
    at: string,
    check: (entry: Entry, index: number) => void,
  ): void {
    if (list === undefined) return;
    const sound = this.#schemaFaults.length === 0;
    if (!sound && (!Array.isArray(list) || this.#schemaFaults.some(({ pointer }) => isAround(pointer, at))))
      return;
    const unsound = this.#entriesWithFaults(at);
    for (let index = 0; index < list.length; index++) {
      if (sound || !unsound.has(String(index))) check(list[index] as Entry, index);
    }
  }

  /** The indices of the entries of a list in which the schema has found a fault. */
  #entriesWithFaults(at: string): ReadonlySet<string> {
    const within = this.#schemaFaults.filter(({ pointer }) => pointer.startsWith(`${at}/`));
    return new Set(within.map(({ pointer }) => pointer.slice(at.length + 1).split("/", 1)[0] ?? ""));
  }
}

/** Whether the value at `outer` is, or contains, the one at `inner`. */
function isAround(outer: string, inner: string): boolean {
  return `${inner}/`.startsWith(`${outer}/`);
}

export interface Context {
  readonly spec: Spec;
  readonly caller: Caller;
  readonly report: Report;
}

/**
 * A rule is skipped if the schema has found a fault in a value that it reads. A rule that walks a list with
 * `Report.each` need not name the list: it gets only sound entries.
 */
export interface Rule {
  /** The member that the rule is about; if it is absent, the rule is skipped. */
  readonly about?: readonly [holder: "spec" | "process" | "linux", key: string];
  /** Pointers of the values it reads. */
  readonly reads: readonly string[];
  readonly check: (context: Context) => void;
}

/**
 * A rule for a part that may also be a separate document: `at` is the part's pointer, "" for a document.
 */
export interface PartRule<Part> {
  /** The member that the rule is about; if it is absent, the rule is skipped. */
  readonly about?: keyof Part;
  /** Pointers within the part. */
  readonly reads: readonly string[];
  readonly check: (part: Part, at: string, report: Report) => void;
}

/** The pointer of `linux.namespaces`, which every rule that depends on a namespace reads. */
export const NAMESPACES = "/linux/namespaces";

/** The namespace of a type, new or joined; `undefined` if the container uses the host's. */
export function namespaceOf(
  { linux }: Spec,
  type: NamespaceType,
): { readonly path: string | undefined } | undefined {
  for (const namespace of linux?.namespaces ?? []) {
    // AS RUNC: an empty path counts as absent.
    if (namespace.type === type) return { path: namespace.path === "" ? undefined : namespace.path };
  }
  return undefined;
}

export function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

export function hasNul(text: string): boolean {
  return text.includes("\0");
}

export const NUL_REASON = "must not contain a NUL character";

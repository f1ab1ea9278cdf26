// What a rule sees and where it tells what is wrong. Shared by the rules of this folder.

import { type Fault, MOST_COUNTED, MOST_TOLD, type Untold, type Warning } from "../faults.ts";
import type { NamespaceType, Spec } from "../types.ts";

/** What the rules must know of the machine and the caller. */
export interface Host {
  /** The effective user id of tsrun: other than 0, and the container is rootless. */
  readonly euid: number;
  /** Its effective group; where it is absent, the one of the same number. */
  readonly egid?: number;
}

/** No further rule is to be tried: what was found is in the report. */
class Enough extends Error {}

export class Report {
  readonly faults: Fault[] = [];
  readonly warnings: Warning[] = [];
  readonly #untold = { faults: 0, warnings: 0 };
  readonly #schemaFaults: readonly Fault[];

  constructor(schemaFaults: readonly Fault[]) {
    this.#schemaFaults = schemaFaults;
  }

  /** Tries rules until as many faults are found as are counted. */
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

  /** Something that cannot be done, or must not be. */
  fault(pointer: string, reason: string, hint?: string): void {
    if (!this.isFull) this.faults.push(hint === undefined ? { pointer, reason } : { pointer, reason, hint });
    else this.#untold.faults++;
    if (this.#untold.faults >= MOST_COUNTED) throw new Enough();
  }

  /** Whether faults are only counted from now on: what it takes long to find a hint for needs none. */
  get isFull(): boolean {
    return this.faults.length >= MOST_TOLD;
  }

  /** What was found, beyond `faults` and `warnings`. */
  get untold(): Untold {
    return this.#untold;
  }

  /** Something that is done without, or otherwise than it says. */
  warn(pointer: string, message: string): void {
    if (this.warnings.length < MOST_TOLD) this.warnings.push({ pointer, message });
    else this.#untold.warnings++;
  }

  /** Whether the schema has found no fault in, or around, a value. */
  isSound(pointer: string): boolean {
    return this.#schemaFaults.every(
      (fault) => !`${fault.pointer}/`.startsWith(`${pointer}/`) && !isAround(fault.pointer, pointer),
    );
  }

  /** Calls back for every entry of a list that the schema has found no fault with. */
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

  /** The numbers of the entries of a list that the schema has found fault in. */
  #entriesWithFaults(at: string): ReadonlySet<string> {
    const within = this.#schemaFaults.filter(({ pointer }) => pointer.startsWith(`${at}/`));
    return new Set(within.map(({ pointer }) => pointer.slice(at.length + 1).split("/", 1)[0] ?? ""));
  }
}

/** Whether the value at `outer` is the one at `inner` or holds it. */
function isAround(outer: string, inner: string): boolean {
  return `${inner}/`.startsWith(`${outer}/`);
}

export interface Context {
  readonly spec: Spec;
  readonly host: Host;
  readonly report: Report;
}

/**
 * A rule is left out when the schema has found fault with anything it reads. One that goes through a list
 * with `Report.each` need not name the list: it meets sound entries only.
 */
export interface Rule {
  /** The member it is about: nothing is tried when that is absent. */
  readonly about?: readonly [holder: "spec" | "process" | "linux", key: string];
  /** Pointers of the values it reads. */
  readonly reads: readonly string[];
  readonly check: (context: Context) => void;
}

/**
 * A rule for a part that is also a document of its own: `at` is where the part stands, "" for the document.
 */
export interface PartRule<Part> {
  /** The member it is about: nothing is tried when that is absent. */
  readonly about?: keyof Part;
  /** Pointers within the part. */
  readonly reads: readonly string[];
  readonly check: (part: Part, at: string, report: Report) => void;
}

/** Where `linux.namespaces` stands: what depends on a namespace reads it. */
export const NAMESPACES = "/linux/namespaces";

/** The namespace of a kind, new or joined; `undefined` when the container uses the host's. */
export function namespaceOf(
  { linux }: Spec,
  type: NamespaceType,
): { readonly path: string | undefined } | undefined {
  for (const namespace of linux?.namespaces ?? []) {
    // AS RUNC: an empty path is no path.
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

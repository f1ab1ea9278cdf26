// What `gc` finds. Types only.

/** `half-made`: its create was killed; `earlier boot`: the machine was restarted after it was created. */
export type GarbageKind = "half-made" | "earlier boot" | "temporary" | "process" | "cgroup";

export interface Found {
  readonly kind: GarbageKind;
  /** An id, a path or a process. */
  readonly what: string;
  /** Why it is garbage, or why it is left alone. */
  readonly why: string;
}

/** Something that can be removed. */
export interface Garbage extends Found {
  /** Looks again and removes it. False if it is not garbage any more. Throws if it cannot be removed. */
  readonly remove: () => boolean;
}

export interface Removed extends Found {
  /** Why it could not be removed. */
  readonly failure?: string;
  /** It was not garbage any more. */
  readonly isKept?: boolean;
}

export interface GcReport {
  /** Whether `gc` was asked to remove what it finds. */
  readonly removes: boolean;
  readonly garbage: readonly Removed[];
  /** What looks like garbage but is not touched. */
  readonly kept: readonly Found[];
}

// Changes to the engine's source, each of which fits one place. Called by quickjs.ts. Pure.

export interface Change {
  /** A text that occurs once in the source. */
  readonly find: string;
  readonly replace: string;
}

/** The source with these changes. Throws if it is not the source that they were made for. */
export function withChanges(source: string, changes: readonly Change[]): string {
  return changes.reduce((text, { find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${parts.length - 1} places in quickjs.c for: ${find}`);
    return parts.join(replace);
  }, source);
}

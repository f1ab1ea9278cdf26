// Writes JSON of a document whose large numbers are bigints (restoreExactNumbers), which JSON.stringify
// refuses. Pure.

/** Like JSON.stringify, with every digit of a bigint. */
export function exactJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(exactJson).join()}]`;
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${exactJson(member)}`);
  }
  return `{${members.join()}}`;
}

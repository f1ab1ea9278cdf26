// Writes JSON of a document whose large numbers are bigints (restoreExactNumbers), which JSON.stringify
// refuses. Pure.

/** Like JSON.stringify with an indentation of two, for people; lists of plain values stay on one line. */
export function prettyJson(value: unknown, indent = ""): string {
  if (typeof value !== "object" || value === null) return exactJson(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== "object" || one === null)) return exactJson(value);
    return `[\n${value.map((one) => `${inner}${prettyJson(one, inner)}`).join(",\n")}\n${indent}]`;
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return "{}";
  const lines = members.map(
    ([key, member]) => `${inner}${JSON.stringify(key)}: ${prettyJson(member, inner)}`,
  );
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

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

// An event as a line of JSON. Pure.

/**
 * JSON with bigints as plain digits: the kernel's counters have 64 bits, JavaScript's numbers 53.
 */
export function formatEvent(event: object): string {
  return `${toJson(event)}\n`;
}

function toJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${toJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

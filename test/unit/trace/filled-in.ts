// Fills in what stands for the parts of an event, as the engine does it.

/** @param values by their sign; src/trace/template.ts */
export function filledIn(text: string, values: Readonly<Record<string, string>>): string {
  let filled = text;
  for (const [sign, value] of Object.entries(values)) filled = filled.replaceAll(sign, value);
  return filled;
}

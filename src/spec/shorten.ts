// Texts of a configuration as messages show them: whoever wrote the file decides how long they are. Pure.

/** As much of a text as tells it from others, with its end, where a path or an error differs. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor(most / 4);
  return `${text.slice(0, most - end - 1)}…${text.slice(-end)}`;
}

/** A value of a configuration in double quotes. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text);
}

const LONGEST_VALUE = 60;

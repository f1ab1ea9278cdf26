// Shortens texts of a configuration for messages: a file may contain texts of any length. Pure.

/** The beginning and the end of a long text: paths and errors often differ at the end. */
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

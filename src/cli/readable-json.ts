// JSON that a person may see at a terminal as well. Pure.

import { visible } from "./log.ts";

/**
 * Indented JSON and a newline. JSON.stringify leaves DEL and the control characters after it as they are, and
 * a terminal may obey them: what a container has named must not give it orders.
 */
export function readableJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\u2028\u2029]/g, visible)}\n`;
}

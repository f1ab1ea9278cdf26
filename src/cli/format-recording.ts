// Puts a recording into words, for the end of `record`. Pure.

import type { RecordedCall, Recording } from "../spec/types.ts";
import { columnsFor } from "./fit.ts";
import { visible } from "./log.ts";
import { wrap } from "./wrap.ts";

export interface RecordingFormat {
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
  /** Where the document is; `undefined` if it was not written. */
  readonly output: string | undefined;
}

/** How many names of a list are shown. */
const MOST_SHOWN = 12;

export function formatRecording(recording: Recording, { width, output }: RecordingFormat): string {
  const columns = columnsFor(width);
  const { runs } = recording;
  const items = [
    ...aboutCalls(recording),
    ...aboutCapabilities(recording),
    ...aboutPaths(recording),
    aboutTime(recording),
    ...recording.limits.map((limit) => `not seen: ${limit}`),
  ];
  const lines = items.flatMap((item) => {
    const [first = "", ...rest] = wrap(visible(item), columns - 2);
    return [`  ${first}`, ...rest.map((line) => `    ${line}`)].flatMap((line) => refit(line, columns));
  });
  const end =
    output === undefined ? ["--output FILE keeps this as a document"] : [`document: ${visible(output)}`];
  return `recorded ${counted(runs, "run")}\n${[...lines, ...end.map((line) => `  ${line}`)].join("\n")}\n`;
}

/** A line that its indentation has made too long. */
function refit(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  return wrap(line.trim(), columns - 4).map((one) => `    ${one}`);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function aboutCalls({ calls }: Recording): string[] {
  if (!calls.recorded) return [];
  const names = new Set(calls.used.map(({ name }) => name)).size;
  const fewer = calls.allowedBefore - calls.allowedNow;
  return [
    `system calls: ${names} used; the profile allows ${calls.allowedNow}, ${calls.runtime.length} of ` +
      `them for the runtime: ${fewer} fewer than the ${calls.allowedBefore} before`,
    ...(calls.denied.length === 0 ? [] : [`denied as before: ${listed(calls.denied.map(denied))}`]),
  ];
}

function denied({ name, times }: RecordedCall): string {
  return times === 1 ? name : `${name} (${times} times)`;
}

function aboutCapabilities({ capabilities: { recorded, used, granted } }: Recording): string[] {
  if (!recorded) return [];
  const idle = granted.filter((name) => !used.includes(name));
  const have = used.length === 0 ? "none used" : `${listed(used)} used`;
  return [`capabilities: ${have}${idle.length === 0 ? "" : `; granted and not used: ${listed(idle)}`}`];
}

function aboutPaths({ paths: { recorded, written, mounts } }: Recording): string[] {
  if (!recorded) return [];
  const idle = mounts.filter((mount) => !mount.written).map(({ destination }) => destination);
  const root = mounts.find(({ destination }) => destination === "/");
  return [
    written.length === 0 ? "nothing was written" : `written: ${listed(written)}`,
    ...(root?.written === false ? ["the root can be read-only"] : []),
    ...(idle.some((path) => path !== "/")
      ? [`writable, and not written: ${listed(idle.filter((path) => path !== "/"))}`]
      : []),
  ];
}

function aboutTime({ time: { seconds, notified, answering } }: Recording): string {
  const each = notified === 0 ? 0 : (answering / notified) * 1e6;
  return (
    `time: ${seconds.toFixed(2)} s, of which tsrun took ${answering.toFixed(2)} s to answer ` +
    `${counted(notified, "call")}, ${each.toFixed(0)} µs each`
  );
}

function listed(words: readonly string[]): string {
  const shown = words.slice(0, MOST_SHOWN).join(", ");
  const more = words.length - MOST_SHOWN;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

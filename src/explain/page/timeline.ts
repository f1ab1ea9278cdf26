// A trace as a time line: a lane for each process, and a table of what took longest, with a bar for each row.
// Pure.

import { cellMarkup, escaped } from "./markup.ts";
import type { Span, Trace } from "./trace-events.ts";

/** The table has at most this many events, the longest. */
const MOST_ROWS = 60;
/** Narrower bars that touch are drawn as one, in percent of the width. */
const NARROWEST = 0.05;
const LANE = 40;
const BAR = 8;

const MEANINGS: Readonly<Record<string, string>> = {
  command: "the whole command",
  phase: "phase",
  call: "system call",
  inside: "system call inside",
  wait: "waiting",
  hook: "hook",
  spawn: "starting a process",
  library: "call of a library",
  dbus: "message to systemd",
};

const CATEGORIES = Object.keys(MEANINGS);

export function timelineMarkup(trace: Trace): string {
  const { spans, duration, leftOut } = trace;
  const rows = longest(spans);
  const hidden = spans.length - rows.length;
  const told = [
    `${milliseconds(duration)} ms in all, ${spans.length} events.`,
    hidden === 0 ? "" : ` The table has the ${rows.length} longest, in the order of time.`,
    leftOut === 0 ? "" : ` ${leftOut} events of the file are not shown.`,
  ].join("");
  return [
    '<section class="times" aria-labelledby="times"><h3 id="times" tabindex="-1">Where the time went</h3>',
    `<p>${told}</p>`,
    key(spans),
    lanes(trace),
    '<table><caption class="vh">Events</caption>',
    '<thead><tr><th scope="col">What</th><th scope="col" class="n">After ms</th>' +
      '<th scope="col" class="n">Took ms</th>' +
      '<th scope="col">When</th></tr></thead>',
    `<tbody>\n${rows.map((span) => row(span, trace)).join("\n")}\n</tbody></table></section>`,
  ].join("\n");
}

/** All phases, and the longest of the other events, in the order of time. */
function longest(spans: readonly Span[]): readonly Span[] {
  if (spans.length <= MOST_ROWS) return spans;
  const isPart = ({ category }: Span): boolean => category === "phase" || category === "command";
  const others = spans.filter((span) => !isPart(span)).sort((a, b) => b.duration - a.duration);
  const chosen = new Set([...spans.filter(isPart), ...others].slice(0, MOST_ROWS));
  return spans.filter((span) => chosen.has(span));
}

function key(spans: readonly Span[]): string {
  const used = CATEGORIES.filter((one) => spans.some(({ category }) => category === one));
  const items = used.map(
    (one) =>
      `<li><svg class="key" aria-hidden="true"><rect class="s ${one}" width="100%" height="100%" rx="2"/>` +
      `</svg>${MEANINGS[one]}</li>`,
  );
  return items.length === 0 ? "" : `<ul class="legend">${items.join("")}</ul>`;
}

/** A lane for each process, with its phases above the events in them. */
function lanes({ lanes: names, spans, duration }: Trace): string {
  const height = names.length * LANE;
  const parts = names.map((name, lane) => {
    const top = lane * LANE;
    const own = spans.filter((span) => span.lane === lane && span.category !== "command");
    const bars = drawn(own, duration).map((span) => {
      const y = top + 17 + (span.category === "phase" ? 0 : BAR);
      return `<rect class="s ${kindOf(span)}" ${extent(span, duration)} y="${y}" height="${BAR}"/>`;
    });
    return (
      `<text x="0" y="${top + 12}">${escaped(name)}</text>` +
      `<rect class="lane" x="0" y="${top + 17}" width="100%" height="${BAR * 2}" rx="2"/>${bars.join("")}`
    );
  });
  const label = "The events of each process in time; the table below has the same";
  return `<svg class="lanes" height="${height}" role="img" aria-label="${label}">${parts.join("\n")}</svg>`;
}

/** Leaves out events that are too narrow to be seen and directly follow one of the same category. */
function drawn(spans: readonly Span[], duration: number): readonly Span[] {
  const ends = new Map<string, number>();
  return spans.filter((span) => {
    const end = ends.get(span.category) ?? Number.NEGATIVE_INFINITY;
    const least = (duration * NARROWEST) / 100;
    if (span.duration < least && span.start < end + least) return false;
    ends.set(span.category, Math.max(span.start + span.duration, span.start));
    return true;
  });
}

function row(span: Span, { duration, lanes: names }: Trace): string {
  const { name, about, category, start, lane } = span;
  const what = about === "" ? "" : ` ${cellMarkup(about).markup}`;
  const isPart = category === "phase" || category === "command";
  const process = lane === 0 || isPart ? "" : `, ${names[lane] ?? ""}`;
  const kind =
    category === "phase" ? "" : ` <small>${escaped((MEANINGS[category] ?? category) + process)}</small>`;
  const bar =
    `<svg class="span" aria-hidden="true"><rect class="lane" width="100%" height="10" rx="2"/>` +
    `<rect class="s ${kindOf(span)}" ${extent(span, duration)} height="10"/></svg>`;
  return (
    `<tr class="${kindOf(span)}"><th scope="row" class="long">${escaped(name)}${what}${kind}</th>` +
    `<td class="n" data-t="after ms">${milliseconds(start)}</td>` +
    `<td class="n" data-t="took ms">${milliseconds(span.duration)}</td><td class="in">${bar}</td></tr>`
  );
}

/** The place and width of a bar, which is wide enough to be seen. */
function extent({ start, duration }: Span, whole: number): string {
  const percent = (part: number): number => (whole === 0 ? 0 : (part / whole) * 100);
  return `x="${percent(start).toFixed(2)}%" width="${Math.max(percent(duration), 0.15).toFixed(2)}%"`;
}

function kindOf({ category }: Span): string {
  return CATEGORIES.includes(category) ? category : "else";
}

function milliseconds(microseconds: number): string {
  const value = microseconds / 1000;
  return value.toFixed(value < 10 ? 2 : 1);
}

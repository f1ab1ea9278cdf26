// Turns the TAP text of a run into what a person reads while it runs: a line per file, for a skipped file
// with the reason, and for a failed file every failed point with its diagnostics. Fed line by line.

const TOP_POINT = /^(ok|not ok) \d+ - (\S+)(?:.*# time=([\d.]+)ms)?/;
const SKIPPED = / # SKIP\s+(.*)$/;
const FAILED_POINT = /^ *not ok\b/;
const DIAGNOSTIC_START = /^ *---$/;
const DIAGNOSTIC_END = /^ *\.\.\.$/;

export class TapReport {
  #lines: string[] = [];
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  line(text: string): void {
    const point = TOP_POINT.exec(text);
    if (point === null) {
      this.#lines.push(text);
      return;
    }
    const [, verdict = "", file = "", time = ""] = point;
    const name = file.replace(/^build\/test\//, "").replace(/\.test\.js$/, "");
    const seconds = time === "" ? "" : ` (${(Number(time) / 1000).toFixed(1)} s)`;
    const reason = SKIPPED.exec(text)?.[1];
    if (reason === undefined) this.#print(`${verdict === "ok" ? "ok    " : "FAILED"} ${name}${seconds}`);
    else this.#print(`skipped ${name}: ${reason}`);
    if (verdict !== "ok") for (const line of failedPoints(this.#lines)) this.#print(line);
    this.#lines = [];
  }
}

/** The failed points among the lines of a file; the innermost with the diagnostics that follow them. */
export function failedPoints(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let previousDepth = 0;
  let explains = false;
  let inDiagnostic = false;
  for (const line of lines) {
    if (FAILED_POINT.test(line)) {
      kept.push(line);
      const depth = line.length - line.trimStart().length;
      // A block fails because of a point inside, which has just been shown.
      explains = depth >= previousDepth;
      previousDepth = depth;
      continue;
    }
    if (explains && DIAGNOSTIC_START.test(line)) inDiagnostic = true;
    if (inDiagnostic) kept.push(line);
    if (DIAGNOSTIC_END.test(line)) inDiagnostic = false;
    explains = false;
  }
  return kept;
}

// Counts test cases in TAP 14 text. A case is an innermost block: one `t.test(...)` that holds assertions and
// no further blocks. Files and assertions are not cases; a file that fails without a failing case of its own
// is one failure, and so is a case that asserts nothing.

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The names of the failed cases, file first. */
  readonly failures: readonly string[];
  /** Why cases were skipped: a reason for each of them. */
  readonly reasons: readonly string[];
}

interface Block {
  readonly name: string;
  /** Cases of the blocks inside. */
  readonly inner: Tally;
  hasBlocks: boolean;
  points: number;
  skippedPoints: number;
  /** Of the last skipped point. */
  reason: string;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
  reasons: string[];
}

const SUBTEST = /^( *)# Subtest: (.*)$/;
const POINT = /^( *)(not ok|ok)\b(?: \d+)?(?: - )?(.*)$/;
const DIRECTIVE = / # (?:SKIP|TODO)\b:?\s*(.*)$/i;
const NO_REASON = "no reason is given";
const INDENT = 4;

export function countCases(tap: string): Count {
  const stack: Block[] = [newBlock("")];
  for (const line of tap.split("\n")) {
    const opened = SUBTEST.exec(line);
    if (opened !== null) {
      open(stack, (opened[1] ?? "").length / INDENT, opened[2] ?? "");
      continue;
    }
    const point = POINT.exec(line);
    if (point !== null) close(stack, (point[1] ?? "").length / INDENT, point[2] === "ok", point[3] ?? "");
  }
  return stack[0]?.inner ?? newTally();
}

/** A `# Subtest` comment at a depth announces the block whose lines are one deeper. */
function open(stack: Block[], depth: number, name: string): void {
  stack.length = Math.min(stack.length, depth + 1);
  const parent = stack[depth];
  if (parent === undefined) return;
  parent.hasBlocks = true;
  stack[depth + 1] = newBlock(name);
}

/** A test point ends the block below its depth, or is an assertion of the block at its depth. */
function close(stack: Block[], depth: number, ok: boolean, text: string): void {
  const parent = stack[depth];
  if (parent === undefined) return;
  const block = stack[depth + 1];
  const reason = DIRECTIVE.exec(text)?.[1];
  if (block !== undefined) {
    stack.length = depth + 1;
    add(parent.inner, outcome(block, ok, reason));
  } else if (reason !== undefined && depth <= 1) {
    // A block that is skipped as a whole is never opened.
    add(parent.inner, skippedFor(reason));
    parent.hasBlocks = true;
  } else {
    parent.points += 1;
    if (reason === undefined) return;
    parent.skippedPoints += 1;
    parent.reason = reason;
  }
}

function outcome(block: Block, ok: boolean, reason: string | undefined): Tally {
  const { inner } = block;
  if (!ok && inner.failed === 0) return { ...inner, failed: 1, failures: [block.name] };
  const failures = inner.failures.map((name) => `${block.name} > ${name}`);
  if (!ok || block.hasBlocks) return { ...inner, failures };
  if (reason !== undefined) return skippedFor(reason);
  if (block.points === 0)
    return { ...newTally(), failed: 1, failures: [`${block.name} (it asserts nothing)`] };
  if (block.skippedPoints === block.points) return skippedFor(block.reason);
  return { ...newTally(), passed: 1 };
}

function skippedFor(reason: string): Tally {
  return { ...newTally(), skipped: 1, reasons: [reason === "" ? NO_REASON : reason] };
}

function add(to: Tally, from: Tally): void {
  to.passed += from.passed;
  to.failed += from.failed;
  to.skipped += from.skipped;
  to.failures.push(...from.failures);
  to.reasons.push(...from.reasons);
}

function newBlock(name: string): Block {
  return { name, inner: newTally(), hasBlocks: false, points: 0, skippedPoints: 0, reason: "" };
}

function newTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, failures: [], reasons: [] };
}

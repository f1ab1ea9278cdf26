// Counts test cases in TAP 14 text. A case is an innermost block: one `t.test(...)` that holds assertions and
// no further blocks. Files and assertions are not cases; a file that fails without a failing case of its own
// is one failure.

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The names of the failed cases, file first. */
  readonly failures: readonly string[];
}

interface Block {
  readonly name: string;
  /** Cases of the blocks inside. */
  readonly inner: Tally;
  hasBlocks: boolean;
  points: number;
  skippedPoints: number;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
}

const SUBTEST = /^( *)# Subtest: (.*)$/;
const POINT = /^( *)(not ok|ok)\b(?: \d+)?(?: - )?(.*)$/;
const DIRECTIVE = / # (SKIP|TODO)\b/i;
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
  const skipped = DIRECTIVE.test(text);
  if (block !== undefined) {
    stack.length = depth + 1;
    add(parent.inner, outcome(block, ok, skipped));
  } else if (skipped && depth <= 1) {
    // A block that is skipped as a whole is never opened.
    add(parent.inner, { passed: 0, failed: 0, skipped: 1, failures: [] });
    parent.hasBlocks = true;
  } else {
    parent.points += 1;
    if (skipped) parent.skippedPoints += 1;
  }
}

function outcome(block: Block, ok: boolean, skipped: boolean): Tally {
  const { inner } = block;
  if (!ok && inner.failed === 0) return { ...inner, failed: 1, failures: [block.name] };
  const failures = inner.failures.map((name) => `${block.name} > ${name}`);
  if (!ok || block.hasBlocks) return { ...inner, failures };
  if (skipped || block.skippedPoints === block.points) return { passed: 0, failed: 0, skipped: 1, failures };
  return { passed: 1, failed: 0, skipped: 0, failures };
}

function add(to: Tally, from: Tally): void {
  to.passed += from.passed;
  to.failed += from.failed;
  to.skipped += from.skipped;
  to.failures.push(...from.failures);
}

function newBlock(name: string): Block {
  return { name, inner: newTally(), hasBlocks: false, points: 0, skippedPoints: 0 };
}

function newTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, failures: [] };
}

// Finds the possible changes of a source: comparisons reversed, constants changed, conditions negated,
// statements and entries left out or exchanged. TypeScript itself parses the source, through the interface of
// version 7 for other programs.

import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import * as is from "typescript/unstable/ast/is";
import type { Change } from "./change.ts";

/** The operators that may replace an operator. */
const OPERATORS: ReadonlyMap<SyntaxKind, readonly string[]> = new Map([
  [SyntaxKind.LessThanToken, ["<=", ">="]],
  [SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [SyntaxKind.GreaterThanToken, [">=", "<="]],
  [SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [SyntaxKind.BarBarToken, ["&&", "??"]],
  [SyntaxKind.QuestionQuestionToken, ["||"]],
  [SyntaxKind.PlusToken, ["-"]],
  [SyntaxKind.MinusToken, ["+"]],
  [SyntaxKind.AsteriskToken, ["/"]],
  [SyntaxKind.SlashToken, ["*"]],
  [SyntaxKind.PercentToken, ["*"]],
  [SyntaxKind.LessThanLessThanToken, [">>"]],
  [SyntaxKind.GreaterThanGreaterThanToken, ["<<"]],
  [SyntaxKind.GreaterThanGreaterThanGreaterThanToken, ["<<"]],
  [SyntaxKind.AmpersandToken, ["|"]],
  [SyntaxKind.BarToken, ["&"]],
  [SyntaxKind.PlusEqualsToken, ["-="]],
  [SyntaxKind.MinusEqualsToken, ["+="]],
  [SyntaxKind.BarEqualsToken, ["&="]],
  [SyntaxKind.AmpersandEqualsToken, ["|="]],
  [SyntaxKind.QuestionQuestionEqualsToken, ["="]],
]);

/** The operators of which either side may be left out. */
const SELECTIVE: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.AmpersandAmpersandToken,
  SyntaxKind.BarBarToken,
  SyntaxKind.QuestionQuestionToken,
]);

const METHODS: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  startsWith: "endsWith",
  endsWith: "startsWith",
  min: "max",
  max: "min",
  floor: "ceil",
  ceil: "floor",
  find: "findLast",
  indexOf: "lastIndexOf",
  unshift: "push",
  push: "unshift",
};

/** Methods whose result has the same type as the object, so that the call can be left out. */
const PASSING: ReadonlySet<string> = new Set([
  "filter",
  "slice",
  "trim",
  "trimEnd",
  "sort",
  "reverse",
  "toSorted",
  "toReversed",
]);

/** Members with texts for people, which reviewers judge, not tests. */
const WORDS: ReadonlySet<string> = new Set(["hint", "attempt", "message", "warning", "cause"]);

const LONGEST = 70;

function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

/** Every change of a file, in the order of the text. */
export function placesOf(path: string, file: SourceFile): Change[] {
  const finder = new Finder(path, file);
  finder.visit(file);
  return finder.changes;
}

class Finder {
  readonly changes: Change[] = [];
  readonly #path: string;
  readonly #file: SourceFile;
  readonly #lines: readonly string[];

  constructor(path: string, file: SourceFile) {
    this.#path = path;
    this.#file = file;
    this.#lines = file.text.split("\n");
  }

  visit(node: Node): void {
    if (is.isTypeNode(node) || is.isImportDeclaration(node) || is.isExportDeclaration(node)) return;
    if (is.isInterfaceDeclaration(node) || is.isTypeAliasDeclaration(node)) return;
    if (is.isPropertyAssignment(node) && WORDS.has(this.#text(node.name))) return;
    this.#literals(node);
    this.#operators(node);
    this.#conditions(node);
    this.#calls(node);
    this.#statements(node);
    this.#lists(node);
    node.forEachChild((child) => {
      if (!isName(node, child)) this.visit(child);
      return undefined;
    });
  }

  #text(node: Node): string {
    return this.#file.text.slice(node.getStart(this.#file), node.end);
  }

  #add(node: Node, replacement: string, what: string): void {
    this.#replace(node.getStart(this.#file), node.end, replacement, what);
  }

  #replace(start: number, end: number, replacement: string, what: string): void {
    const line = this.#file.text.slice(0, start).split("\n").length;
    const text = this.#lines[line - 1]?.trim() ?? "";
    this.changes.push({ path: this.#path, line, text, what, start, end, replacement });
  }

  #becomes(node: Node, replacement: string): void {
    this.#add(node, replacement, `${shortened(this.#text(node))} → ${shortened(replacement)}`);
  }

  #literals(node: Node): void {
    if (is.isNumericLiteral(node)) {
      const value = Number(node.text);
      this.#becomes(node, `${value + 1}`);
      if (value > 0) this.#becomes(node, `${value - 1}`);
    }
    if (is.isBigIntLiteral(node)) this.#becomes(node, `(${this.#text(node)} + 1n)`);
    if (node.kind === SyntaxKind.TrueKeyword) this.#becomes(node, "false");
    if (node.kind === SyntaxKind.FalseKeyword) this.#becomes(node, "true");
    // A text with a space is for people.
    if (is.isStringLiteral(node) && !/\s/.test(node.text)) {
      this.#becomes(node, JSON.stringify(node.text === "" ? "x" : `${node.text}x`));
    }
    if (is.isRegularExpressionLiteral(node)) {
      const text = this.#text(node);
      if (text.startsWith("/^")) this.#becomes(node, `/${text.slice(2)}`);
      if (/\$\/\w*$/.test(text)) this.#becomes(node, text.replace(/\$(\/\w*)$/, "$1"));
    }
  }

  #operators(node: Node): void {
    if (is.isBinaryExpression(node)) {
      const { kind } = node.operatorToken;
      const [left, right] = [this.#text(node.left), this.#text(node.right)];
      const old = this.#text(node.operatorToken);
      // For a value that is false, or an object, both give the same result.
      const isSame =
        kind === SyntaxKind.QuestionQuestionToken && /^(0|0n|""|false|undefined|[[{].*)$/s.test(right);
      for (const other of isSame ? [] : (OPERATORS.get(kind) ?? [])) {
        this.#add(node.operatorToken, other, `${shortened(left)} ${old} …: ${old} → ${other}`);
      }
      if (SELECTIVE.has(kind)) {
        this.#becomes(node, `(${right})`);
        this.#becomes(node, `(${left})`);
      }
    }
    if (is.isPrefixUnaryExpression(node)) {
      const { operator } = node;
      const isSign = [SyntaxKind.ExclamationToken, SyntaxKind.MinusToken, SyntaxKind.TildeToken].includes(
        operator,
      );
      if (isSign) this.#becomes(node, this.#text(node.operand));
    }
  }

  #conditions(node: Node): void {
    if (is.isIfStatement(node)) {
      this.#becomes(node.expression, `!(${this.#text(node.expression)})`);
      if (node.elseStatement !== undefined) {
        this.#add(
          node,
          this.#text(node.elseStatement),
          `only the else of if (${shortened(this.#text(node.expression))})`,
        );
      }
    }
    if (is.isWhileStatement(node)) this.#becomes(node.expression, "false");
    if (is.isConditionalExpression(node)) {
      const [condition, yes, no] = [node.condition, node.whenTrue, node.whenFalse].map((part) =>
        this.#text(part),
      );
      this.#add(
        node,
        `${condition} ? ${no} : ${yes}`,
        `the branches of ${shortened(condition ?? "")} ? exchanged`,
      );
    }
  }

  #calls(node: Node): void {
    if (!is.isCallExpression(node)) return;
    const callee = node.expression;
    if (is.isPropertyAccessExpression(callee)) {
      const name = this.#text(callee.name);
      const other = METHODS[name];
      if (other !== undefined) this.#add(callee.name, other, `.${name}() → .${other}()`);
      if (PASSING.has(name)) this.#add(node, this.#text(callee.expression), `.${name}() left out`);
    }
    this.#exchangeNeighbours(node.arguments, "arguments");
  }

  #statements(node: Node): void {
    if (is.isVariableDeclarationList(node) && this.#text(node).startsWith("using ")) {
      const start = node.getStart(this.#file);
      this.#replace(start, start + "using".length, "const", "using → const");
    }
    if (!is.isBlock(node) && !is.isSourceFile(node) && !is.isCaseClause(node)) return;
    for (const statement of node.statements) {
      if (is.isVariableStatement(statement) || !isActing(statement)) continue;
      const text = this.#text(statement);
      if (is.isReturnStatement(statement) && statement.expression !== undefined) continue;
      this.#add(statement, "", `left out: ${shortened(text)}`);
    }
    // The order of statements that only compute or declare something does not matter.
    const acting = node.statements.filter((one) => isActing(one) && hasEffect(one));
    for (const [index, one] of node.statements.entries()) {
      const next = node.statements[index + 1];
      if (next !== undefined && acting.includes(one) && acting.includes(next)) {
        this.#exchangeNeighbours([one, next], "statements");
      }
    }
  }

  #lists(node: Node): void {
    if (is.isArrayLiteralExpression(node)) {
      // A set has no order, and a text with a space is for people.
      if (!is.isNewExpression(node.parent)) this.#exchangeNeighbours(node.elements, "entries");
      for (const entry of node.elements) {
        if (!(is.isStringLiteral(entry) && /\s/.test(entry.text))) this.#becomes(entry, "...[]");
      }
    }
    if (is.isObjectLiteralExpression(node)) {
      for (const property of node.properties) {
        const text = this.#text(property);
        if (WORDS.has(text.split(/[:,]/)[0] ?? "") || text.endsWith(": undefined")) continue;
        this.#add(property, "...{}", `left out: ${shortened(text)}`);
      }
    }
  }

  #exchangeNeighbours(nodes: readonly Node[], noun: string): void {
    nodes.forEach((first, index) => {
      const second = nodes[index + 1];
      if (second === undefined) return;
      const [start, end] = [first.getStart(this.#file), second.end];
      const between = this.#file.text.slice(first.end, second.getStart(this.#file));
      const [one, other] = [this.#text(first), this.#text(second)];
      if (one === other) return;
      const what = `${noun} exchanged: ${shortened(one)} ⇄ ${shortened(other)}`;
      this.#replace(start, end, other + between + one, what);
    });
  }
}

/** Whether the child is the key of a property, which is not a value. */
function isName(node: Node, child: Node): boolean {
  return (is.isPropertyAssignment(node) || is.isMethodDeclaration(node)) && node.name === child;
}

/** Whether the text contains a call, an assignment or a jump. */
function hasEffect(node: Node): boolean {
  if (is.isReturnStatement(node)) return false;
  if (!is.isVariableStatement(node)) return true;
  const calls = (part: Node): boolean => is.isCallExpression(part) || part.forEachChild(calls) === true;
  return calls(node);
}

/** Neither a declaration of a function or type nor an import. */
function isActing(node: Node): boolean {
  return (
    is.isExpressionStatement(node) ||
    is.isVariableStatement(node) ||
    is.isIfStatement(node) ||
    is.isForOfStatement(node) ||
    is.isForStatement(node) ||
    is.isWhileStatement(node) ||
    is.isReturnStatement(node) ||
    is.isThrowStatement(node) ||
    is.isTryStatement(node) ||
    is.isBreakStatement(node) ||
    is.isContinueStatement(node)
  );
}

// What the engine's short ways (scripts/engine/speed.ts, speed-text.ts, literals.ts, declared.ts) must do as
// the language says: object literals, copies of objects, fields, loops over arrays, variables, texts. Each
// check builds something in two ways, of values from the input.

type Fields = Record<string, unknown>;

/** Object.defineProperty takes the long way. */
function slowly(...fields: readonly (readonly [string, unknown])[]): Fields {
  const made: Fields = {};
  for (let index = 0; index < fields.length; index++) {
    const [name, value] = fields[index] as readonly [string, unknown];
    Object.defineProperty(made, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return made;
}

function told(of: object): string {
  return JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(of)));
}

const differ = (what: string, made: object, wanted: object): string[] =>
  told(made) === told(wanted) ? [] : [`${what}: ${told(made)}, not ${told(wanted)}`];

const literal = (a: unknown, b: unknown, c: unknown): Fields => ({
  kind: a,
  call: b,
  place: c,
  7: a,
  last: b,
});

function literals(text: string): string[] {
  const size = text.length;
  const wanted = () =>
    slowly(["kind", text], ["call", size], ["place", undefined], ["7", text], ["last", size]);
  const [first, second] = [literal(text, size, undefined), literal(text, size, undefined)];
  first.added = text;
  delete first.call;
  const changed = wanted();
  changed.added = text;
  delete changed.call;
  const nested = {
    text,
    inner: { size, text },
    get length() {
      return size;
    },
    size,
  };
  return [
    ...differ("a literal", second, wanted()),
    ...differ("a changed literal", first, changed),
    ...differ("a nested literal", nested.inner, slowly(["size", size], ["text", text])),
    ...(Object.keys(nested).join() === "text,inner,length,size" ? [] : ["the order with a getter"]),
  ];
}

function copies(text: string): string[] {
  const of = slowly(["b", text], ["10", 1], ["a", text.length], [text, 2]);
  const copy = { ...of };
  copy.more = text;
  const before = { a: text, c: 1, ...of, b: 0 };
  const after = { ...of, z: 1, y: text };
  const pairs = Object.entries(of);
  return [
    ...differ("a copy", copy, slowly(...pairs, ["more", text])),
    ...differ("what was copied", of, slowly(...pairs)),
    ...differ("fields before a copy", before, slowly(["a", text], ["c", 1], ...pairs, ["b", 0])),
    ...differ("fields after a copy", after, slowly(...pairs, ["z", 1], ["y", text])),
  ];
}

function fields(text: string): string[] {
  const bare = Object.create(null) as Fields;
  const heir = Object.create({ given: text }) as Fields;
  const list = [text] as unknown as Fields;
  const absent = [bare.absent, heir.absent, list.absent, (text as unknown as Fields).absent];
  const found = [heir.given, list.length, text.length, typeof text.includes, text.at(0) ?? ""];
  const wanted = [text, 1, [...new Array(text.length).keys()].length, "function", text.charAt(0)];
  return [
    ...(absent.every((value) => value === undefined) ? [] : ["an absent field is there"]),
    ...(found.every((value, index) => value === wanted[index]) ? [] : ["a field is not what it is"]),
  ];
}

/** A loop sees what is added meanwhile, and not what is taken away. */
function loops(text: string): string[] {
  const list: number[] = Array.from({ length: text.length % 10 }, (_, index) => index);
  const seen: number[] = [];
  for (const one of list) {
    seen.push(one);
    if (one % 3 === 0 && list.length < 30) list.push(one + 1);
    if (one % 4 === 1) list.pop();
  }
  const again: number[] = Array.from({ length: text.length % 10 }, (_, index) => index);
  const wanted: number[] = [];
  for (let at = 0; at < again.length; at++) {
    const one = again[at] as number;
    wanted.push(one);
    if (one % 3 === 0 && again.length < 30) again.push(one + 1);
    if (one % 4 === 1) again.pop();
  }
  return seen.join() === wanted.join() ? [] : [`a loop saw ${seen}, not ${wanted}`];
}

function jumpedOver(which: number): unknown {
  switch (which) {
    case 0:
      // biome-ignore lint/correctness/noSwitchDeclarations: what another case finds is the question
      const value = which;
      return value;
    default:
      // @ts-expect-error It has not been assigned.
      return value;
  }
}

function variables(text: string): string[] {
  const problems: string[] = [];
  if (jumpedOver(0) !== 0) problems.push("a variable of a case");
  try {
    jumpedOver(1 + text.length);
    problems.push("a declaration that was jumped over");
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
  }
  const calls: (() => number)[] = [];
  for (let index = 0; index < 3; index++) {
    let sum = text.length;
    calls.push(() => sum);
    sum += index;
  }
  const sums = calls.map((call) => call() - text.length).join();
  return sums === "0,1,2" ? problems : [...problems, `variables of a loop: ${sums}`];
}

/** A text with one odd character at some place: the engine looks at eight characters at a time. */
function texts(text: string): string[] {
  const at = text.length % 20;
  const problems: string[] = [];
  for (const odd of ['"', "\\", "\n", "\u007f", "é", "😀", text.charAt(0)]) {
    const whole = `${"a".repeat(at)}${odd}${"z".repeat(19 - at)}`;
    if (JSON.parse(JSON.stringify(whole)) !== whole) problems.push(`JSON of "${odd}" at ${at}`);
    const wrong = odd === '"' || odd === "\\" || odd < " ";
    let read: unknown;
    try {
      read = JSON.parse(`"${whole}"`);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    if (odd !== "" && read !== (wrong ? undefined : whole)) problems.push(`a bare "${odd}" at ${at}`);
    const bytes = new TextEncoder().encode(whole);
    if (new TextDecoder().decode(bytes) !== whole) problems.push(`UTF-8 of "${odd}" at ${at}`);
  }
  return problems;
}

/** Returns the fault, if any. */
export function readLanguage(text: string): string | undefined {
  return [literals, copies, fields, loops, variables, texts].flatMap((check) => check(text))[0];
}

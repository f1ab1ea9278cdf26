// Reads a page as XML, and returns what is wrong with it: tags that do not fit, attributes, entities, signs
// that XML does not allow, ids that are there twice, and references to ids that are not there.

export interface Markup {
  readonly faults: readonly string[];
  readonly ids: readonly string[];
  /** The names of all elements. */
  readonly elements: ReadonlySet<string>;
  /** The names of all attributes. */
  readonly attributes: ReadonlySet<string>;
}

const TAG = /<(\/?)([a-zA-Z][\w]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;
const TEXT = /[^<]+/y;
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

export function readMarkup(text: string): Markup {
  const reader = new Reader(text.replace(/^<!DOCTYPE html>\n/, ""));
  reader.read();
  const twice = reader.ids.filter((id, index) => reader.ids.indexOf(id) !== index);
  const known = new Set(reader.ids);
  const lost = reader.references.filter((id) => !known.has(id));
  return {
    faults: [...reader.faults, ...twice.map((id) => `id ${id} twice`), ...lost.map((id) => `no id ${id}`)],
    ids: reader.ids,
    elements: reader.elements,
    attributes: reader.attributes,
  };
}

class Reader {
  readonly faults: string[] = [];
  readonly ids: string[] = [];
  readonly references: string[] = [];
  readonly elements = new Set<string>();
  readonly attributes = new Set<string>();
  readonly #text: string;
  readonly #open: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    if (FORBIDDEN.test(this.#text))
      this.#fault(`a sign that XML does not allow: ${FORBIDDEN.exec(this.#text)?.index}`);
    while (this.#at < this.#text.length && this.faults.length < 5) {
      const text = this.#match(TEXT);
      if (text !== undefined) {
        if (ENTITY.test(text[0])) this.#fault("an unknown entity");
        continue;
      }
      const tag = this.#match(TAG);
      if (tag === undefined) {
        this.#fault("no tag");
        return;
      }
      this.#tag(tag);
    }
    if (this.#open.length > 0) this.#fault(`${this.#open.join()} not closed`);
  }

  #tag([, slash, name = "", attributes = "", end]: RegExpExecArray): void {
    if (slash === "/") {
      const open = this.#open.pop();
      if (open !== name) this.#fault(`${name} closes ${open}`);
      return;
    }
    this.elements.add(name);
    for (const [, attribute = "", value = ""] of attributes.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      this.attributes.add(attribute);
      if (ENTITY.test(value)) this.#fault(`an unknown entity in ${attribute}`);
      if (attribute === "id") this.ids.push(value);
      if (attribute === "href") this.references.push(value.slice(1));
      if (attribute.startsWith("aria-") && /labelledby|describedby/.test(attribute))
        this.references.push(value);
    }
    if (end !== "/") this.#open.push(name);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }

  #fault(what: string): void {
    this.faults.push(
      `${what} at ${JSON.stringify(this.#text.slice(Math.max(0, this.#at - 60), this.#at + 40))}`,
    );
  }
}

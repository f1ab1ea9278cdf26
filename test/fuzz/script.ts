// What an input means for targets that make values of it: one character after the other. Pure.

export class Script {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isOver(): boolean {
    return this.#at >= this.#text.length;
  }

  next(limit: number): number {
    return (this.#text.charCodeAt(this.#at++) || 0) % limit;
  }

  take(length: number): string {
    this.#at += length;
    return this.#text.slice(this.#at - length, this.#at);
  }

  of<T>(list: readonly T[]): T {
    return list[this.next(list.length)] as T;
  }
}

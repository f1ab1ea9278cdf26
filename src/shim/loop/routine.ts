// Routines: functions that can wait without delaying others. They are generators that yield what they wait
// for; meanwhile the loop runs other handlers. Pure.

/** Something to wait for: it calls `resume` once, at once or later. */
export type Wait<T> = (resume: (value: T) => void) => void;

/** Called with `yield*`. */
export type Routine<T> = Generator<Wait<unknown>, T, unknown>;

/** Waits, and returns the value that arrives. */
export function* waitFor<T>(wait: Wait<T>): Routine<T> {
  return (yield wait as Wait<unknown>) as T;
}

/** A routine with nothing to do. */
export function* nothing(): Routine<void> {}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** Runs a routine up to its first wait, and the rest as soon as what it waits for comes. */
export function start<T>(routine: Routine<T>, done: (outcome: Outcome<T>) => void): void {
  new Run(routine, done).goOn(() => routine.next(undefined));
}

type Step<T> = () => IteratorResult<Wait<unknown>, T>;

/**
 * A running routine. Only what it waits for refers to it, not the routine itself, so the engine frees it at
 * once.
 */
class Run<T> {
  readonly #routine: Routine<T>;
  readonly #done: (outcome: Outcome<T>) => void;
  #isRunning = false;
  #next: Step<T> | undefined;

  constructor(routine: Routine<T>, done: (outcome: Outcome<T>) => void) {
    this.#routine = routine;
    this.#done = done;
  }

  /** If a wait resumes at once, this loop goes on, without a deeper call. */
  goOn(step: Step<T>): void {
    this.#next = step;
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next: Step<T> | undefined = step; next !== undefined; next = this.#next) {
      this.#next = undefined;
      if (!this.#take(next)) return;
    }
    this.#isRunning = false;
  }

  /** False when the routine has ended. */
  #take(step: Step<T>): boolean {
    let result: IteratorResult<Wait<unknown>, T>;
    try {
      result = step();
    } catch (error) {
      this.#done({ ok: false, error });
      return false;
    }
    if (result.done === true) {
      this.#done({ ok: true, value: result.value });
      return false;
    }
    try {
      result.value((value) => this.goOn(() => this.#routine.next(value)));
    } catch (error) {
      this.#next = () => this.#routine.throw(error);
    }
    return true;
  }
}

/** Lets routines in one at a time; the others wait in the order in which they came. */
export class Turn {
  #taken = false;
  #isPassing = false;
  readonly #queue: (() => void)[] = [];

  /** Runs `routine` when those before it have ended. */
  *take<T>(routine: () => Routine<T>): Routine<T> {
    if (this.#taken) yield* waitFor<void>((resume) => void this.#queue.push(() => resume()));
    this.#taken = true;
    try {
      return yield* routine();
    } finally {
      this.#taken = false;
      this.#passOn();
    }
  }

  /** Thousands that each end at once, one inside the other, would be deeper than the stack. */
  #passOn(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    while (!this.#taken && this.#queue.length > 0) this.#queue.shift()?.();
    this.#isPassing = false;
  }
}

/** Something that happens once, and that any number of routines wait for. */
export class Once<T> {
  #value: { readonly value: T } | undefined;
  #waiting: Set<(value: T) => void> = new Set();

  get value(): T | undefined {
    return this.#value?.value;
  }

  get happened(): boolean {
    return this.#value !== undefined;
  }

  happen(value: T): void {
    if (this.#value !== undefined) return;
    this.#value = { value };
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resume of waiting) resume(value);
  }

  /** Calls `tell` when it happens, at once if it already has. Returns how to forget `tell`. */
  tell(tell: (value: T) => void): () => void {
    const waiting = this.#waiting;
    if (this.#value === undefined) waiting.add(tell);
    else tell(this.#value.value);
    return () => void waiting.delete(tell);
  }

  *wait(): Routine<T> {
    return yield* waitFor<T>((resume) => this.tell(resume));
  }
}

/** Waits for the first of two. */
export function* either<A, B>(one: Once<A>, other: Once<B>): Routine<void> {
  if (one.happened || other.happened) return;
  yield* waitFor<void>((resume) => {
    const forget: (() => void)[] = [];
    const happened = (): void => {
      // Emptied, since they refer to this function.
      for (const each of forget.splice(0)) each();
      resume();
    };
    forget.push(one.tell(happened), other.tell(happened));
  });
}

// A conversation with a process that carries out system calls for tsrun: what the stories know of messages.
//
//   say(step)      queues what the process is to do; nothing is sent for it
//   ask(step)      sends all that waits, and comes back with the results
//   settle()       the same without a question: what was said has been carried out
//   go()           sends what waits without waiting for it: the process works while tsrun does something else
//   leave(steps)   the last it is told; nobody waits for the answer
//
// What was said is carried out in the order in which it was said. How many messages that takes, what is
// written while the kernel works, and what is sent again after a failure, is decided here. Pure. proxy.ts has
// the process at the other end.

import { isOutOfMemory, TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { type Operation, operationError } from "./calls/operation.ts";
import { type Clone, Cloning } from "./cloning.ts";
import { type Actor, type Line, StandIn } from "./line.ts";
import { joined, layOut, type Message, operationsOfStep, ownerOf } from "./message.ts";
import { Attempt, leftOpen, partsOf, type Said, type Step, stepsOf } from "./step.ts";
import { encode } from "./wire/batch.ts";

/** How often a step is repaired: if it still fails then, more repairs will not help. */
const MOST_REPAIRS = 8;

export class Conversation {
  #line: Line | undefined;
  /** Waits until the process exists, if the kernel is still making it. */
  #born: () => Line;
  /** Said, but not sent yet. */
  #waiting: Step[] = [];
  /** A message that was laid out ahead, for the first of `#waiting`. */
  #ahead: Message | undefined;
  /** How many steps were waiting when `#ahead` was laid out. */
  #saidThen = 0;
  /** Sent, but not answered yet. */
  #sent: Message | undefined;
  /** Whether that answer is only to be read, since something else has failed meanwhile. */
  #isGivenUp = false;
  /** The last error that was thrown. */
  #failure: unknown;
  #repaired: Step | undefined;
  #repairs = 0;
  #oneByOne = false;
  #allowsAhead = true;

  /** Whether the other end wants to know the names of the stages. */
  readonly #isRehearsed: boolean;

  private constructor(born: () => Line, isRehearsed: boolean) {
    this.#born = born;
    this.#isRehearsed = isRehearsed;
  }

  /** A conversation with an actor instead of a process. */
  static with(actor: Actor): Conversation {
    return Conversation.on(new StandIn(actor));
  }

  static on(line: Line): Conversation {
    const made = new Conversation(() => line, line.enter !== undefined);
    made.#line = line;
    return made;
  }

  /** The process's pid as tsrun sees it. Waits if the process is still being made. */
  get pid(): number {
    return this.#there().pid;
  }

  /** The number of the control socket in the process itself. */
  get control(): number {
    return this.#there().control;
  }

  /** Queues what is to be carried out after everything that was said before. */
  say(said: Said): void {
    if (typeof said !== "function" && "operations" in said) this.#waiting.push(said);
    else for (const step of stepsOf(said)) this.#waiting.push(step);
  }

  /** The same for many steps. */
  sayAll(steps: readonly Step[]): void {
    for (let index = 0; index < steps.length; index++) this.#waiting.push(steps[index] as Step);
  }

  /**
   * Carries out what was said and then this. Throws if something fails; otherwise the results are filled in.
   */
  ask<Question extends Said>(question: Question): Question {
    this.say(question);
    this.settle();
    return question;
  }

  /** Like `ask`, but returns the operation that failed, if any. The operations after it have no results. */
  attempt(operations: readonly Operation[]): Operation | undefined {
    if (operations.length === 0) return undefined;
    const attempts = partsOf(operations).map((part) => new Attempt(part));
    for (const one of attempts) {
      this.#waiting.push(one);
      this.settle();
      if (one.failed !== undefined) return one.failed;
    }
    return undefined;
  }

  /** Sends what waits, and returns while the process carries it out. */
  go(): void {
    if (this.#sent !== undefined || this.#waiting.length === 0) return;
    try {
      this.#sendNext();
    } catch (error) {
      throw this.#forget(error);
    }
  }

  /** Returns when everything that was said has been carried out. */
  settle(): void {
    try {
      while (this.#sent !== undefined || this.#waiting.length > 0) {
        if (this.#sent === undefined) this.#sendNext();
        this.#layOutNext();
        this.#takeAnswer();
      }
    } catch (error) {
      throw this.#forget(error);
    }
  }

  /**
   * Sends what the process does last, or when another command lets it go on. Nobody here waits for the
   * answer.
   */
  leave(operations: readonly Operation[]): void {
    this.settle();
    this.#there().leave(operations);
  }

  /**
   * Sends operations that end with `execve`. Returns the one that failed; `undefined` if the process became
   * the program.
   */
  execute(operations: readonly Operation[]): Operation | undefined {
    this.settle();
    return this.#there().execute(operations);
  }

  /**
   * Has the process clone itself. Returns while the kernel is still making the child; a failure is thrown
   * when the child is first needed.
   */
  clone(clone: Clone): Conversation {
    const step = new Cloning(clone, () => this.#there());
    this.#sendUpTo(step);
    return new Conversation(() => this.#receiveChild(step), this.#isRehearsed);
  }

  /** Names the stage that begins here, for a rehearsal. */
  enter(stage: string): void {
    if (this.#isRehearsed) this.say(() => this.#there().enter?.(stage));
  }

  /**
   * From now on each step is sent only after the one before it has been carried out, since it may depend on
   * what that one finds.
   */
  goOneByOne(): void {
    this.#oneByOne = true;
    this.#allowsAhead = false;
  }

  /** From now on no message is laid out before everything that was said earlier has been carried out. */
  goCarefully(): void {
    this.#allowsAhead = false;
  }

  /**
   * From now on waits no longer than this for an answer, since somebody else may delay it (a seccomp agent).
   * `impatience` is the cause in the error. `execute` takes a missing answer for success.
   */
  limitPatience(seconds: number, impatience: string): void {
    this.#there().limitPatience(seconds, impatience);
  }

  /** Closes our end of the socket; the process then reads end of file and exits. */
  close(): void {
    this.#letGo();
    this.#line?.close();
  }

  /** Waits for a process after `close`, so that the process that adopts our children gets no zombie. */
  reap(): void {
    if (this.#line === undefined) this.end();
    else this.#line.reap();
  }

  /**
   * Kills the process, whatever it is doing; also one that is still being made. What it was to be told is not
   * laid out: there may be no memory for that.
   */
  end(): void {
    try {
      (this.#line ?? this.#bear()).end();
      this.#letGo();
    } catch (error) {
      // The process could not be made, so there is nothing to end.
      if (!(error instanceof TsrunError)) throw error;
    }
  }

  #there(): Line {
    if (this.#line !== undefined) return this.#line;
    // This takes less time than the kernel needs to make namespaces.
    this.#layOutNext();
    return this.#bear();
  }

  #bear(): Line {
    try {
      this.#line = this.#born();
    } catch (error) {
      // Out of memory, tsrun asks again, with its reserve, to end the process.
      if (!isOutOfMemory(error)) {
        this.#born = () => {
          throw error;
        };
      }
      throw error;
    }
    return this.#line;
  }

  /** Lays out and encodes the next message while this one is being carried out, as if that could not fail. */
  #layOutNext(): void {
    if (this.#ahead !== undefined || !this.#allowsAhead || this.#waiting.length === 0) return;
    // What comes after a step with `next` may depend on what `next` finds.
    if (this.#sent?.steps.at(-1)?.next !== undefined) return;
    this.#saidThen = this.#waiting.length;
    try {
      const message = layOut(this.#waiting, { isAhead: true });
      if (message.entries.length === 0) return;
      this.#ahead = message;
      const encoded = encode(message.entries, { keeps: true, needs: message.needs });
      this.#ahead = { ...message, encoded };
    } catch (error) {
      throwIfOutOfMemory(error);
      // It is tried again, and its error counts, when everything before it has succeeded.
    }
  }

  /** Takes the steps of the next message from `#waiting`. */
  #layOut(): Message {
    const steps = this.#waiting;
    this.#waiting = [];
    // On old kernels a step's `operations` may first have to ask something, and say what is to be closed.
    const message = layOut(steps, { oneByOne: this.#oneByOne });
    const said = this.#waiting;
    this.#waiting = steps.slice(message.steps.length);
    return said.length === 0 ? message : joined(layOut(said), message);
  }

  #sendNext(): void {
    const line = this.#there();
    const first = this.#waiting[0]?.first;
    if (first !== undefined) this.#takeTurn(first);
    let message = this.#ahead;
    this.#ahead = undefined;
    // If it has room left and more has been said since, one message can hold that as well.
    const hasRoom = message?.steps.length === this.#saidThen && this.#waiting.length > this.#saidThen;
    if (message === undefined || hasRoom) message = this.#layOut();
    // In the engine splice moves one element after the other.
    else this.#waiting = this.#waiting.slice(message.steps.length);
    if (message.entries.length > 0) line.send(message.entries, message);
    this.#sent = message;
  }

  #takeAnswer(): void {
    const message = this.#sent;
    if (message === undefined) return;
    const failed = message.entries.length === 0 ? undefined : this.#there().receive();
    this.#sent = undefined;
    if (this.#isGivenUp) {
      this.#isGivenUp = false;
      return;
    }
    const reached = failed === undefined ? message.steps.length : ownerOf(failed, message);
    if (failed !== undefined) {
      this.#ahead = undefined;
      this.#waiting = message.steps.slice(reached).concat(this.#waiting);
    }
    this.#takeTurn(() => {
      for (let index = 0; index < reached; index++) message.steps[index]?.finish?.();
    });
    const next = message.steps[reached - 1]?.next;
    if (next !== undefined) this.#takeTurn(next);
    if (failed !== undefined) this.#repair(failed, operationsOfStep(message, reached));
  }

  #repair(failed: Operation, tried: readonly Operation[]): void {
    const culprit = this.#waiting[0];
    if (culprit === undefined) return;
    this.#repairs = culprit === this.#repaired ? this.#repairs + 1 : 1;
    this.#repaired = culprit;
    if (this.#repairs > MOST_REPAIRS) {
      throw new Error(`no progress after ${MOST_REPAIRS} repairs: ${failed.attempt}`);
    }
    if (culprit.recover === undefined) throw operationError(failed);
    const pending = this.#waiting;
    this.#takeTurn(() => {
      culprit.recover?.(failed, pending);
      if (!(culprit instanceof Attempt)) this.say(leftOpen(tried));
    });
  }

  /** Calls `act`. What is said in it comes before what already waits. */
  #takeTurn(act: () => void): void {
    const later = this.#waiting;
    const ahead = this.#ahead;
    this.#waiting = [];
    this.#ahead = undefined;
    act();
    if (this.#waiting.length === 0) {
      this.#waiting = later;
      this.#ahead = ahead;
    } else this.#waiting = this.#waiting.concat(later);
  }

  /** After a failure, nothing that had been said is carried out any more. */
  #forget(error: unknown): unknown {
    this.#waiting = [];
    this.#ahead = undefined;
    // A child has to be known, so that it can be ended.
    const isClone = this.#sent?.steps.some((step) => step instanceof Cloning) === true;
    this.#isGivenUp = this.#sent !== undefined && !isClone;
    this.#failure = error;
    this.#repaired = undefined;
    return error;
  }

  /** A step that clones leads back here, and the engine would not free such a circle. */
  #letGo(): void {
    this.#sent = undefined;
    this.#repaired = undefined;
  }

  /** Sends this step, in the same message as what waits if that fits. */
  #sendUpTo(step: Step): void {
    this.#waiting.push(step);
    try {
      if (this.#sent === undefined) this.#sendNext();
      while (this.#sent?.steps.includes(step) !== true) {
        this.#takeAnswer();
        this.#sendNext();
      }
    } catch (error) {
      throw this.#forget(error);
    }
  }

  #receiveChild(step: Cloning): Line {
    try {
      while (step.child === undefined) {
        // Given up, after a failure of something before it.
        if (this.#sent === undefined && !this.#waiting.includes(step)) throw step.failure ?? this.#failure;
        if (this.#sent === undefined) this.#sendNext();
        this.#takeAnswer();
      }
    } catch (error) {
      throw this.#forget(error);
    }
    return step.child;
  }
}

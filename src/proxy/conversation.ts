// A conversation with a process that carries out system calls for tsrun: what the stories know of messages.
//
//   say(step)      queues what the process is to do; nothing is sent for it
//   ask(step)      sends all that waits, and comes back with the results
//   settle()       the same without a question: what was said has been carried out
//   go()           sends what waits without waiting for it: the process works while tsrun does something else
//   leave(steps)   the last it is told; nobody waits for the answer
//
// What was said is carried out in the order in which it was said. How many messages that takes, what is
// written while the kernel works, and what is sent again after a failure, is decided here. Pure; who is at
// the other end is in proxy.ts.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { type Operation, operationError } from "./calls/operation.ts";
import { type Actor, type Line, StandIn } from "./line.ts";
import { joined, layOut, layOutAhead, type Message, operationsOfStep, ownerOf } from "./message.ts";
import { Attempt, leftOpen, partsOf, type Said, type Step, stepsOf } from "./step.ts";

/** A step that has not got through after so many repairs never will. */
const MOST_REPAIRS = 8;

export interface Clone {
  /** The call that makes the child, and what follows it, in either process. */
  readonly operations: readonly Operation[];
  /** Our end of the child's control socket, to which it moves as the first thing that it does. */
  readonly socket: Descriptor;
  /** What to try instead after a failure; nothing where there is no other way. */
  readonly otherwise?: () => readonly Operation[] | undefined;
}

export class Conversation {
  #line: Line | undefined;
  /** Waits for the process to be there, where that is still being made. */
  #born: () => Line;
  /** Said, and not sent yet. */
  #waiting: Step[] = [];
  /** Laid out for the first of those that wait. */
  #ahead: Message | undefined;
  /** How many steps waited when it was. */
  #saidThen = 0;
  /** On its way. */
  #sent: Message | undefined;
  #repaired: Step | undefined;
  #repairs = 0;
  #oneByOne = false;
  #allowsAhead = true;

  /** Whether somebody wants to know the names of the stages. */
  readonly #isRehearsed: boolean;

  private constructor(born: () => Line, isRehearsed: boolean) {
    this.#born = born;
    this.#isRehearsed = isRehearsed;
  }

  /** With somebody who is no process. */
  static with(actor: Actor): Conversation {
    return Conversation.on(new StandIn(actor));
  }

  static on(line: Line): Conversation {
    const made = new Conversation(() => line, line.enter !== undefined);
    made.#line = line;
    return made;
  }

  /** The process' pid as tsrun sees it. Waits for it, where it is still being made. */
  get pid(): number {
    return this.#there().pid;
  }

  /** The number of the control socket in the process itself. */
  get control(): number {
    return this.#there().control;
  }

  /** It is carried out after all that was said before. */
  say(said: Said): void {
    for (const step of stepsOf(said)) this.#waiting.push(step);
  }

  /** Carries out what was said, and this. Throws when something fails; else the results are there. */
  ask<Question extends Said>(question: Question): Question {
    this.say(question);
    this.settle();
    return question;
  }

  /** As `ask`, but returns the operation that failed, if one did. Those after it have no results. */
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

  /** Sends what waits, and comes back while it is carried out. */
  go(): void {
    if (this.#sent === undefined && this.#waiting.length > 0) this.#sendNext();
  }

  /** All that was said has been carried out when this returns. */
  settle(): void {
    try {
      while (this.#sent !== undefined || this.#waiting.length > 0) {
        if (this.#sent === undefined) this.#sendNext();
        this.#layOutNext();
        this.#takeAnswer();
      }
    } catch (error) {
      this.#waiting = [];
      this.#ahead = undefined;
      throw error;
    }
  }

  /** What the process does last, or when another command tells it: nobody waits for it here. */
  leave(operations: readonly Operation[]): void {
    this.settle();
    this.#there().leave(operations);
  }

  /** Ends with `execve`. Returns the operation that stopped it; `undefined` when it became the program. */
  execute(operations: readonly Operation[]): Operation | undefined {
    this.settle();
    return this.#there().execute(operations);
  }

  /**
   * The process clones itself. Comes back while the kernel still works at that: what goes wrong is thrown
   * when the child is needed.
   */
  clone(clone: Clone): Conversation {
    this.#sendClone(clone.operations);
    return new Conversation(() => this.#receiveChild(clone), this.#isRehearsed);
  }

  /** Names what is said next, for a rehearsal. */
  enter(stage: string): void {
    if (this.#isRehearsed) this.say(() => this.#there().enter?.(stage));
  }

  /** From now on each step is told with what the one before it has found, since that decides. */
  goOneByOne(): void {
    this.#oneByOne = true;
    this.#allowsAhead = false;
  }

  /** From now on nothing is laid out before what is said earlier has been carried out. */
  goCarefully(): void {
    this.#allowsAhead = false;
  }

  /**
   * From now on an answer is waited for no longer than this, since others have a say in it. `impatience` is
   * what the error then gives as its cause; to `execute` no answer still is success.
   */
  limitPatience(seconds: number, impatience: string): void {
    this.#there().limitPatience(seconds, impatience);
  }

  /** Lets go of the process: reading the end of file, it leaves by itself. */
  close(): void {
    this.#line?.close();
  }

  /** Waits for a process that was let go of, so that no zombie is left to whoever adopts our children. */
  reap(): void {
    if (this.#line === undefined) this.end();
    else this.#line.reap();
  }

  /** Ends the process, whatever it does; also one that is still being made. */
  end(): void {
    try {
      this.#there().end();
    } catch (error) {
      // Then there is none.
      if (!(error instanceof TsrunError)) throw error;
    }
  }

  #there(): Line {
    if (this.#line !== undefined) return this.#line;
    // The kernel takes longer over namespaces than this takes.
    this.#layOutNext();
    try {
      this.#line = this.#born();
    } catch (error) {
      this.#born = () => {
        throw error;
      };
      throw error;
    }
    return this.#line;
  }

  #layOutNext(): void {
    if (this.#ahead !== undefined || !this.#allowsAhead || this.#waiting.length === 0) return;
    // Not behind a step whose results are waited for.
    if (this.#sent?.steps.at(-1)?.next !== undefined) return;
    this.#ahead = layOutAhead(this.#waiting);
    this.#saidThen = this.#waiting.length;
  }

  /** What was laid out ahead, unless all that had been said then is in it, and more has been said since. */
  #takeAhead(): Message | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead?.steps.length === this.#saidThen && this.#waiting.length > this.#saidThen) return undefined;
    if (ahead !== undefined) this.#waiting.splice(0, ahead.steps.length);
    return ahead;
  }

  /** Takes what goes into the next message from what waits. */
  #layOut(): Message {
    const steps = this.#waiting;
    this.#waiting = [];
    // On kernels of old a step may ask before it can tell its operations.
    const message = layOut(steps, { oneByOne: this.#oneByOne });
    const said = this.#waiting;
    this.#waiting = steps.slice(message.steps.length);
    return said.length === 0 ? message : joined(layOut(said), message);
  }

  #sendNext(): void {
    const line = this.#there();
    const first = this.#waiting[0]?.first;
    if (first !== undefined) this.#takeTurn(first);
    const message = this.#takeAhead() ?? this.#layOut();
    this.#sent = message;
    if (message.entries.length > 0) line.send(message.entries, message.encoded);
  }

  #takeAnswer(): void {
    const message = this.#sent;
    if (message === undefined) return;
    this.#sent = undefined;
    const failed = message.entries.length === 0 ? undefined : this.#there().receive();
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

  /** Whatever is said in it comes before what waits. */
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

  /** What waits goes with it, as far as it fits. */
  #sendClone(operations: readonly Operation[]): void {
    const step: Step = {
      operations: () => operations,
      recover: (failed) => {
        throw new CloneFailed(failed);
      },
    };
    this.#waiting.push(step);
    this.#sendNext();
    while (this.#sent?.steps.includes(step) !== true) {
      this.#takeAnswer();
      this.#sendNext();
    }
  }

  #receiveChild(clone: Clone): Line {
    try {
      this.settle();
      return this.#there().child(clone.socket);
    } catch (error) {
      if (!(error instanceof CloneFailed)) throw error;
      const operations = clone.otherwise?.();
      if (operations === undefined) throw operationError(error.failed);
      this.#sendClone(operations);
      return this.#receiveChild({ ...clone, otherwise: () => undefined });
    }
  }
}

class CloneFailed extends Error {
  readonly failed: Operation;

  constructor(failed: Operation) {
    super("cannot clone");
    this.failed = failed;
  }
}

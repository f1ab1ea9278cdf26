// An engine in a process of its own (program.c), which is started again when it has ended. Runs under Bun.

import { type Subprocess, spawn } from "bun";

export interface Answer {
  readonly text: string;
  /** How many could have been refused. */
  readonly allocations: number;
  /** What the process has said at its end, if the program ended it. */
  readonly failure?: string;
  /** The program took too much time, which may depend on the machine. */
  readonly isLate?: boolean;
}

/** Which allocations are refused: so many, from this one on. */
export interface Refusal {
  readonly from: number;
  readonly count: number;
}

const NONE: Refusal = { from: 0, count: 0 };
const REQUEST_SIZE = 12;
const ANSWER_SIZE = 8;
/** For the other case than that of TOO_LONG: nothing happens at all. */
const LIMIT_MS = 300_000;
/** program.c */
const TOO_LONG = 9;
/** The interesting part of a sanitizer's report. */
const REPORT_LENGTH = 2500;

type Process = Subprocess<"pipe", "pipe", "pipe">;

export class EngineProcess {
  readonly #path: string;
  #process: Process | undefined;
  #reader: { read(): Promise<{ value?: Uint8Array | undefined }> } | undefined;
  #rest = new Uint8Array(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs a program. */
  async ask(source: string, { from, count }: Refusal = NONE): Promise<Answer> {
    const child = this.#process ?? this.#start();
    const bytes = new TextEncoder().encode(source);
    const request = new Uint8Array(REQUEST_SIZE + bytes.length);
    request.set(new Uint8Array(Uint32Array.of(bytes.length, from, count).buffer));
    request.set(bytes, REQUEST_SIZE);
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    try {
      child.stdin.write(request);
      await child.stdin.flush();
      const head = new Uint32Array((await this.#read(ANSWER_SIZE)).buffer);
      const [length = 0, allocations = 0] = head;
      return { text: new TextDecoder().decode(await this.#read(length)), allocations };
    } catch {
      const said = await new Response(child.stderr).text();
      await child.exited;
      this.#process = undefined;
      if (child.exitCode === TOO_LONG) return { text: "", allocations: 1, isLate: true };
      const failure = `${child.signalCode ?? child.exitCode} ${said.slice(0, REPORT_LENGTH)}`;
      return { text: "", allocations: 1, failure };
    } finally {
      clearTimeout(limit);
    }
  }

  close(): void {
    this.#process?.kill();
  }

  #start(): Process {
    const child = spawn([this.#path], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      // The program counts its blocks by itself.
      env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0", UBSAN_OPTIONS: "print_stacktrace=1" },
    });
    this.#process = child;
    this.#reader = child.stdout.getReader();
    this.#rest = new Uint8Array(0);
    return child;
  }

  /** Throws when the process ends before. */
  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#rest.length < length) {
      const { value } = (await this.#reader?.read()) ?? {};
      if (value === undefined) throw new Error("the engine has ended");
      const more = new Uint8Array(this.#rest.length + value.length);
      more.set(this.#rest);
      more.set(value, this.#rest.length);
      this.#rest = more;
    }
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return taken;
  }
}

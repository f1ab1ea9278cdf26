// Finds out why the kernel did not execute a file. execve(2) has one errno for a dozen reasons, and the error
// is about the file even if its loader or interpreter is at fault.

import { text, utf8 } from "../linux/call/words.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import { variable } from "../process/environment.ts";
import { candidatesFor } from "../process/lookup.ts";
import { type Cause, named } from "./cause.ts";
import { absolute, statusAt, whyNotRun } from "./files.ts";
import { builtFor, type ElfHead, HEAD_SIZE, type Head, headOf, IMAGE_NAMES } from "./head.ts";
import { writersOf } from "./holders.ts";
import type { Scene } from "./scene.ts";
import { whyFiltered } from "./seccomp.ts";
import { readPlace, walk } from "./walk.ts";

/** The kernel follows this many interpreters of interpreters (fs/exec.c). */
const MOST_INTERPRETERS = 5;
/** MAX_ARG_STRLEN */
const LONGEST_ARGUMENT = 131_072;

export function whyNotExecuted(scene: Scene, name: string, errno: string): Cause | undefined {
  const filtered = whyFiltered(scene.seccomp, "execve", errno);
  if (filtered !== undefined) return filtered;
  switch (errno) {
    case "E2BIG":
      return tooLong(scene);
    case "EAGAIN":
      return {
        words: `uid ${scene.who.uid} already has as many processes as its RLIMIT_NPROC allows`,
        next: "raise RLIMIT_NPROC in process.rlimits, or end some processes",
      };
    case "ENOMEM":
      return {
        words: "the memory limit is too low for the program",
        next: "raise linux.resources.memory.limit",
      };
  }
  const path = programPath(scene, name);
  return path === undefined ? undefined : whyFileNotExecuted(scene, path, { errno, depth: 0 });
}

/** The file that was to be executed, found as `create` finds it. */
function programPath({ root, cwd, environment }: Scene, name: string): string | undefined {
  if (name.includes("/")) return absolute(name, cwd);
  const candidates = candidatesFor(name, variable(environment, "PATH"));
  return candidates.map(({ path }) => path).find((path) => ((statusAt(root, path)?.mode ?? 0) & 0o111) !== 0);
}

interface Attempt {
  readonly errno: string;
  /** How many interpreters have led to this file. */
  readonly depth: number;
}

/** What is wrong with a file, or with its loader or interpreter. */
function whyFileNotExecuted(scene: Scene, path: string, { errno, depth }: Attempt): Cause | undefined {
  const way = walk(scene.root, path);
  if (way.end !== "found") return whyNotRun(scene, path);
  using file = way.file;
  const status = way.seen.at(-1)?.status;
  if (status === undefined) return undefined;
  if (errno === "ETXTBSY") return writersOf(status, path);
  const bytes = readPlace(file, HEAD_SIZE);
  if (bytes === undefined) return whyNotRun(scene, path);
  const head = headOf(bytes, status.size);
  switch (head.kind) {
    case "script":
      return whyScriptNotExecuted(scene, path, { head, errno, depth });
    case "elf": {
      const at = head.loader;
      const loader = at && readPlace(file, at.size, at.at);
      return whyElfNotExecuted(scene, path, { head, errno, loader: loader && withoutNul(loader) });
    }
    case "empty":
      return { words: `${named(path)} is empty`, next: "see how the image was built or copied" };
    case "other":
      return notAProgram(path, head.what, depth);
  }
}

function withoutNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return text(end < 0 ? bytes : bytes.subarray(0, end));
}

function notAProgram(path: string, what: string, depth: number): Cause {
  const words = `${named(path)} is ${what}`;
  if (/"#!"/.test(what)) {
    return { words, next: 'let its first line be "#!/bin/sh", or start it by a shell: ["sh", "…"]' };
  }
  return { words, next: depth > 0 ? "name another interpreter" : "use one built for Linux" };
}

interface ScriptAttempt extends Attempt {
  readonly head: Extract<Head, { kind: "script" }>;
}

function whyScriptNotExecuted(
  scene: Scene,
  path: string,
  { head, errno, depth }: ScriptAttempt,
): Cause | undefined {
  const { interpreter, endsInCr } = head;
  if (interpreter === "") {
    return { words: `the "#!" line of ${named(path)} names no interpreter`, next: 'write "#!/bin/sh"' };
  }
  if (endsInCr) {
    return {
      words:
        `the "#!" line of ${named(path)} ends in a carriage return, as on Windows (CRLF), so the ` +
        `interpreter ${named(interpreter)} is looked for`,
      next: `convert the script: dos2unix, or sed -i 's/\\r$//'`,
    };
  }
  if (depth === MOST_INTERPRETERS || (errno === "ELOOP" && depth > 0)) {
    return {
      words: `the interpreter ${named(path)} is a script itself, and so is its interpreter, in a circle`,
      next: "name a program in the script's first line",
    };
  }
  const at = absolute(interpreter, scene.cwd);
  const below = whyInterpreter(scene, at, { errno, depth: depth + 1 });
  if (below === undefined) return undefined;
  return {
    words: `the "#!" line of ${named(path)} names the interpreter ${named(interpreter)}: ${below.words}`,
    next: below.next,
  };
}

/** What is wrong with an interpreter: it is missing, may not be executed, or its own execution fails. */
function whyInterpreter(scene: Scene, path: string, attempt: Attempt): Cause | undefined {
  if (attempt.errno === "ENOENT" || attempt.errno === "EACCES") {
    const refused = whyNotRun({ ...scene, label: undefined }, path);
    if (refused !== undefined) return refused;
  }
  return whyFileNotExecuted(scene, path, attempt);
}

interface ElfAttempt {
  readonly head: ElfHead;
  readonly errno: string;
  readonly loader: string | undefined;
}

function whyElfNotExecuted(
  scene: Scene,
  path: string,
  { head, errno, loader }: ElfAttempt,
): Cause | undefined {
  const own = IMAGE_NAMES[machine];
  if (head.isCut) {
    return {
      words: `${named(path)} is cut short: it is smaller than its own headers say`,
      next: "copy or download it again",
    };
  }
  if (head.machine !== own && errno !== "ENOENT" && errno !== "EACCES") {
    return {
      words: `${named(path)} is a program for ${head.machine}, and this host is ${own}`,
      next: `use an image for ${own}, or install qemu-user-static with binfmt`,
    };
  }
  if (!head.isProgram) {
    return {
      words: `${named(path)} is a library or an object file, not linked to be executed`,
      next: "link it, or name the program instead",
    };
  }
  if (loader === undefined) return whyNotRun(scene, path);
  return whyLoader(scene, path, loader);
}

/** What is wrong with the loader of shared libraries: it is missing, or may not be executed. */
function whyLoader(scene: Scene, path: string, loader: string): Cause | undefined {
  const refused = whyNotRun({ ...scene, label: undefined }, absolute(loader, scene.cwd));
  if (refused === undefined) return whyNotRun(scene, path);
  const whom = builtFor(loader);
  if (statusAt(scene.root, absolute(loader, scene.cwd)) !== undefined) {
    return {
      words: `${named(path)} needs the loader ${named(loader)}: ${refused.words}`,
      next: refused.next,
    };
  }
  return {
    words:
      `${named(path)} needs the loader ${named(loader)}, which is not in the container` +
      (whom === undefined ? "" : `: it was built for ${whom}`),
    next: "use the image that it was built for, or link it statically",
  };
}

/** execve(2), "Limits on size of arguments and environment". */
function tooLong({ args, environment }: Scene): Cause {
  const all = [...args, ...environment];
  const [longest, length] = all
    .map((one) => [one, utf8(one).length] as const)
    .reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0]);
  if (length >= LONGEST_ARGUMENT) {
    const place = args.includes(longest)
      ? `process.args[${args.indexOf(longest)}]`
      : `the variable ${named(longest.slice(0, longest.indexOf("=")))} of process.env`;
    return {
      words: `${place} has ${length} bytes, and Linux takes ${LONGEST_ARGUMENT - 1} in one`,
      next: "pass it in a file or by standard input",
    };
  }
  // Each string also takes a NUL and a pointer.
  const sum = all.reduce((bytes, one) => bytes + utf8(one).length + 9, 0);
  return {
    words: `process.args and process.env have ${sum} bytes together, more than a quarter of RLIMIT_STACK`,
    next: "pass them in a file, or raise RLIMIT_STACK in process.rlimits",
  };
}

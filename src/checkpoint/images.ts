// The directories that criu works in, and its log there. Called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { type Descriptor, makeDirectory, open, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { configFileOf } from "./annotation.ts";
import type { ImageOptions } from "./options.ts";
import { errorsIn } from "./plan.ts";

/** Open, since criu is told their numbers. */
export class WorkingDirectories implements Disposable {
  readonly #images: Descriptor;
  readonly #work: Descriptor | undefined;
  readonly #logs: string;

  /** The images must be there; the directory for work is made where it is missing. */
  constructor({ imagePath, workPath }: ImageOptions) {
    this.#images = open(imagePath, O_RDONLY | O_DIRECTORY);
    if (workPath !== undefined) makeDirectory(workPath, 0o700);
    this.#work = workPath === undefined ? undefined : open(workPath, O_RDONLY | O_DIRECTORY);
    this.#logs = workPath ?? imagePath;
  }

  get images(): number {
    return this.#images.number;
  }

  get work(): number | undefined {
    return this.#work?.number;
  }

  /**
   * Does what criu is needed for; of its failure the log says more. DIFFERS: runc quotes the lines around
   * every error as warnings. Here the errors go into the one line that a failure has.
   */
  explaining<T>(logFile: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TsrunError) || !error.message.startsWith("criu failed")) throw error;
      const path = `${this.#logs}/${logFile}`;
      const errors = errorsIn(readTextIfThere(path) ?? "");
      throw new TsrunError(error.code, [error.message, errors.join("; ")].filter(Boolean).join(": "), {
        cause: error,
        hint: errors.some((one) => /\.img: Permission denied/.test(one))
          ? `the container's root must be able to enter the directory of the images; criu's log is "${path}"`
          : `criu's log is "${path}"`,
      });
    }
  }

  [Symbol.dispose](): void {
    this.#images.close();
    this.#work?.close();
  }
}

/** The files that overrule options for every container: ours, or where there is none, runc's. */
const CONFIG_FILES = ["/etc/criu/tsrun.conf", "/etc/criu/runc.conf"] as const;

/** Which file of configuration criu is to read on top of its own. */
export function criuConfigFile(
  annotations: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const [own, runcs] = CONFIG_FILES;
  return configFileOf(annotations, status(own) === undefined ? runcs : own);
}

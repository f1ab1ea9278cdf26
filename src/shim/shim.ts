// The executable as containerd's shim: containerd-shim-tsrun-v2. containerd runs it to start a shim for a
// container or pod, to clean up after one that has died, and to ask what it can do.

import { TsrunError } from "../errors.ts";
import { writeAll } from "../linux/files/files.ts";
import { type Build, parseShimLine, type ShimOptions } from "./command-line.ts";
import { deleteAfterShim } from "./delete.ts";
import { describeShim, versionLines } from "./info.ts";
import { serve } from "./serve.ts";
import { startShim } from "./start.ts";

export { isShim } from "./command-line.ts";

/** Does what containerd asks for. Returns the exit status. */
export function runShim(words: readonly string[], build: Build): number {
  const options = parseShimLine(words);
  if (options.version) return print(versionLines(build));
  if (options.info) return print(describeShim(build));
  if (options.namespace === "") throw new TsrunError("E_USAGE", "shim namespace cannot be empty");
  return act(options);
}

function act(options: ShimOptions): number {
  switch (options.action) {
    case "start":
      return print(startShim(options));
    case "delete":
      return print(deleteAfterShim(options));
    case "":
      serve(options);
      return 0;
    default:
      throw new TsrunError("E_USAGE", `unknown action "${options.action}": a shim knows start and delete`);
  }
}

function print(output: string | Uint8Array): number {
  writeAll(1, output, "to stdout");
  return 0;
}

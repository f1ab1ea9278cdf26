// Makes the completion script of a shell. Called by `completion`, and by scripts/documents.ts for
// `make install`. Pure.

import type { Command } from "../options.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import type { Shell } from "./shells.ts";
import { completionOf } from "./table.ts";
import { zshScript } from "./zsh.ts";

/** The script for a shell; the same for the same table of commands. */
export function completionScript(shell: Shell, program: string, commands: readonly Command[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](completionOf(program, commands));
}

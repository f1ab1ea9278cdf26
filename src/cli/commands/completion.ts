// `completion`: print a script with which a shell completes tsrun's commands, options and containers.

import { completionScript } from "../completion/script.ts";
import { SHELLS } from "../completion/shells.ts";
import { defineCommand } from "../options.ts";
import { baseName } from "../paths.ts";
import { UsageError } from "../usage-error.ts";

export const command = defineCommand({
  name: "completion",
  notOfRunc: true,
  describe: "print a completion script for a shell",
  usage: "[bash|zsh|fish]",
  details: `Prints a script that makes the shell complete the commands and options of $0, the ids of
containers, and paths where paths are wanted. Without an argument it is for the shell
that $SHELL names.

EXAMPLE:
    # source <($0 completion bash)
    # $0 completion zsh > /usr/share/zsh/vendor-completions/_$0
    # $0 completion fish > /usr/share/fish/vendor_completions.d/$0.fish`,
  args: { min: 0, max: 1 },
  argWords: [SHELLS],
  options: {},
  run({ host, commands, program, args: [given] }) {
    const shell = given ?? baseName(host.env.SHELL ?? "bash");
    const known = SHELLS.find((name) => name === shell);
    if (known === undefined)
      throw new UsageError(`no completion for the shell "${shell}": use bash, zsh or fish`);
    host.print(completionScript(known, program, commands));
    return 0;
  },
});

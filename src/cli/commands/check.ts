// `check`: print what the host can do for containers, and how the rest is mended.

import { bundle } from "../flags.ts";
import { formatCheck } from "../format-check.ts";
import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";

export const command = defineCommand({
  name: "check",
  notOfRunc: true,
  describe: "tell what this host can do for containers, or what a bundle lacks here",
  usage: "[bundle]",
  details: `Looks at the kernel and its calls, cgroups and their controllers, namespaces and their limits,
subordinate ids, seccomp and security modules, systemd, criu, and where state is kept. It makes
nothing. Each line that is not well says what that costs, and how it is mended.

With a bundle, only what its configuration needs is looked at.

EXIT STATUS:
0 when containers can be made, or when the host has what the bundle needs, otherwise 1.

EXAMPLE:
    # $0 check
    # $0 check --rootless
    # $0 check /srv/web`,
  args: { min: 0, max: 1 },
  argWords: ["directory"],
  options: {
    bundle,
    rootless: { type: "boolean", describe: "tell what an ordinary user can do: for root, the one of sudo" },
    json: { type: "boolean", describe: "print the lines as JSON" },
  },
  run({ globals, host, actions, options, args: [directory] }) {
    const given = directory ?? options.bundle;
    const user = Number(host.env.SUDO_UID ?? "");
    const report = actions.checkHost(globals, {
      bundle: given === undefined ? undefined : absolutePath(given, host.cwd),
      rootless: options.rootless,
      systemdCgroup: globals.systemdCgroup,
      user: Number.isInteger(user) && user > 0 ? user : undefined,
    });
    host.print(formatCheck(report, { json: options.json, width: host.terminalWidth() }));
    return report.passes ? 0 : 1;
  },
});

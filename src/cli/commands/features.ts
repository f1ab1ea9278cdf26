// `features`: print what this executable supports, as JSON (runtime-spec features.md).

import { features } from "../../features/features.ts";
import { LIBSECCOMP_VERSION } from "../../seccomp/version.ts";
import { defineCommand } from "../options.ts";
import { COMMIT, VERSION } from "../version.ts";

export const command = defineCommand({
  name: "features",
  describe: "show the enabled features",
  usage: "",
  details: `Prints which features of config.json this binary knows, whatever the host allows, as JSON:
https://github.com/opencontainers/runtime-spec/blob/main/features.md`,
  args: { min: 0, max: 0 },
  options: {},
  run({ host }) {
    const found = features({ version: VERSION, commit: COMMIT, libseccomp: LIBSECCOMP_VERSION });
    host.print(`${JSON.stringify(found, null, 4)}\n`);
    return 0;
  },
});

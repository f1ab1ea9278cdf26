// `diff` says nothing of Podman's containers, those of root and of an ordinary user.

import { tsrunOnly } from "../support/behaviour.ts";
import { IMAGE } from "../support/podman.ts";
import { BOTH, SLEEP, under } from "../support/podman-cases.ts";

const FLAGS: readonly (readonly string[])[] = [
  [],
  ["--read-only", "--tmpfs", "/scratch:size=1m", "--hostname", "other"],
  ["--privileged"],
  ["--user", "1000", "--cap-add", "NET_ADMIN", "--security-opt", "no-new-privileges"],
  [
    "--ulimit",
    "nofile=100:200",
    "--ulimit",
    "nproc=900:1000",
    "--umask",
    "0077",
    "--device",
    "/dev/null:/dev/other",
  ],
  ["--userns=auto"],
];

under(
  "nothing differs in a container that Podman makes",
  BOTH,
  (t, podman) => {
    for (const flags of FLAGS) {
      const id =
        podman
          .must("run", "--detach", ...flags, IMAGE, ...SLEEP)
          .split("\n")
          .at(-1) ?? "";
      const { code, out, err } = podman.ask("diff", "--json", id);
      const found = code === 2 ? err : (JSON.parse(out) as { differences: object[] }).differences;
      t.strictSame([code, found], [0, []], flags.join(" "));
      podman.remove("rm", "--force", "--time", "0", id);
    }
  },
  tsrunOnly("has no diff command"),
);

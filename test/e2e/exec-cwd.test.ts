// A working directory of exec that only a process inside the container can reach.

import { behaviour, refused } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";

behaviour("--cwd may be a magic link of procfs, as the program itself would see it", async (t, lab) => {
  const box = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await box.run({ flags: ["--detach"] }));
  for (const [cwd, told] of [
    ["/proc/self", /^\/proc\/\d+\n$/],
    ["/proc/self/fd", /^\/proc\/\d+\/fd\n$/],
    ["/proc/thread-self", /^\/proc\/\d+\/task\/\d+\n$/],
    ["/proc/self/cwd", /^\/\n$/],
    ["/dev/fd", /^\/proc\/\d+\/fd\n$/],
  ] as const) {
    for (const user of ["0", "1000"]) {
      const words = ["exec", "--cwd", cwd, "--user", user, box.id, "pwd", "-P"];
      t.match(await lab.invoke(words), { code: 0, stdout: told }, `${cwd} as ${user}`);
    }
  }
  for (const cwd of ["/proc/self/missing", "/no/such"]) {
    const result = await lab.invoke(["exec", "--cwd", cwd, box.id, "pwd"]);
    refused(t, result, /no such file or directory/i, 255);
  }
});

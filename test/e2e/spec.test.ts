// spec: the configuration a person starts from, and that it really runs.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused } from "../support/behaviour.ts";
import { cgroupsPathOf } from "../support/cgroup-driver.ts";
import { mustSucceed } from "../support/container.ts";

behaviour("spec writes config.json into the working directory, in silence", async (t, lab) => {
  const result = await lab.invokeBare(["spec"], { cwd: lab.folder });
  t.strictSame([result.code, result.stdout, result.stderr], [0, "", ""]);
  const config = JSON.parse(readFileSync(join(lab.folder, "config.json"), "utf8"));
  t.strictSame(config.process.args, ["sh"]);
  t.equal(config.process.terminal, true);
  t.strictSame(config.root, { path: "rootfs", readonly: true });
});

behaviour("spec --bundle writes into that directory and never over a file", async (t, lab) => {
  const bundle = join(lab.folder, "new");
  mkdirSync(bundle);
  mustSucceed(await lab.invokeBare(["spec", "--bundle", bundle]));
  const before = readFileSync(join(bundle, "config.json"), "utf8");
  refused(t, await lab.invokeBare(["spec", "-b", bundle]), /File config.json exists. Remove it first/);
  t.equal(readFileSync(join(bundle, "config.json"), "utf8"), before);
  t.notOk(existsSync(join(lab.folder, "config.json")));
});

behaviour("what spec writes runs", async (t, lab) => {
  const box = lab.container();
  const folder = join(lab.folder, "spec");
  mkdirSync(folder);
  mustSucceed(await lab.invokeBare(["spec"], { cwd: folder }));
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  config.process.terminal = false;
  config.process.args = ["sh", "-c", "hostname; id -u; touch /x 2>/dev/null || echo read-only"];
  config.linux.cgroupsPath = cgroupsPathOf(box.id);
  writeFileSync(join(box.bundle, "config.json"), JSON.stringify(config));
  const result = await box.run();
  t.match(result.stdout, /^\S+\n0\nread-only\n$/);
  t.equal(result.code, 0);
  await nothingLeft(t, lab, "after run");
});

behaviour(
  "spec --rootless maps the caller's id to root",
  async (t, lab) => {
    const wrapper = ["setpriv", "--reuid=1234", "--regid=1235", "--clear-groups"];
    mkdirSync(join(lab.folder, "w"), { mode: 0o777 });
    const cwd = join(lab.folder, "w");
    mustSucceed(
      await lab.invokeBare(["spec", "--rootless"], {
        cwd,
        wrapper: ["sh", "-c", 'chmod 777 .; exec "$@"', "sh", ...wrapper],
      }),
    );
    const { linux } = JSON.parse(readFileSync(join(cwd, "config.json"), "utf8"));
    t.strictSame(linux.uidMappings, [{ containerID: 0, hostID: 1234, size: 1 }]);
    t.strictSame(linux.gidMappings, [{ containerID: 0, hostID: 1235, size: 1 }]);
  },
  notOfCrun("it writes no maps"),
);

// Many pods at once and one after the other, and long scenarios: rotated logs, checkpoints.

import { equal, ok } from "node:assert/strict";
import { existsSync, renameSync, statSync } from "node:fs";
import { until } from "../../support/wait.ts";
import { command } from "../host.ts";
import type { Scenarios } from "../scenario.ts";

const PODS = 20;
const CONTAINERS = 30;
const LIVES = 40;
const LINES = 40_000;
const ROTATIONS = 4;

export const many: Scenarios = {
  async twenty_pods_at_once({ pod }) {
    const start = Date.now();
    const all = await Promise.all(Array.from({ length: PODS }, () => pod()));
    const mains = await Promise.all(all.map((its) => its.run("main", ["sleep", "100"])));
    const execs = await Promise.all(
      all.map((its, index) => its.exec(mains[index] ?? "", ["echo", `${index}`])),
    );
    equal(execs.map(({ out }) => out).join(), Array.from({ length: PODS }, (_, index) => index).join());
    const up = Date.now() - start;
    await Promise.all(all.map((its) => its.down()));
    return `up ${up} ms, down ${Date.now() - start - up} ms`;
  },

  async thirty_containers_of_a_pod_at_once({ pod }) {
    const its = await pod();
    const numbers = Array.from({ length: CONTAINERS }, (_, index) => index);
    const mains = await Promise.all(
      numbers.map((number) => its.run(`c${number}`, ["sh", "-c", `exit ${number}`])),
    );
    const codes = await Promise.all(mains.map(async (main) => (await its.exited(main)).exit_code));
    equal(codes.join(), numbers.join());
    await Promise.all(mains.map((main) => its.remove(main)));
    return undefined;
  },

  async forty_lives({ pod }) {
    const its = await pod();
    for (let attempt = 0; attempt < LIVES; attempt++) {
      const main = await its.run("main", ["true"], { attempt });
      equal((await its.exited(main)).exit_code, 0);
      await its.remove(main);
    }
    return undefined;
  },

  async logs_rotated_while_written({ pod, client }) {
    const its = await pod();
    const count = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); done`;
    const main = await its.run("main", ["sh", "-c", count]);
    const file = `/lab/logs/${its.name}/main.log`;
    const suffixes = Array.from({ length: ROTATIONS }, (_, index) => `.${index}`);
    for (const suffix of suffixes) {
      const before = existsSync(file) ? statSync(file).size : 0;
      const enough = () => existsSync(file) && statSync(file).size > before;
      await until("more of the log", enough, 30_000);
      renameSync(file, `${file}${suffix}`);
      await client.call("ReopenContainerLog", { container_id: main }).catch((error: Error) => {
        // All is written by then; the file stays renamed.
        if (!/not running/.test(error.message)) throw error;
        renameSync(`${file}${suffix}`, file);
      });
    }
    equal((await its.exited(main)).exit_code, 0);
    const parts = [...suffixes, ""].filter((suffix) => existsSync(`${file}${suffix}`));
    // On a busy machine containerd changes files within a line: what it has copied at once ends there.
    const text = () => parts.flatMap((suffix) => its.log("main", suffix)).join("");
    await until("the last line", () => text().endsWith(`line ${LINES - 1}`));
    const all = Array.from({ length: LINES }, (_, index) => `line ${index}`).join("");
    ok(text() === all, "a line is missing");
    return `${parts.length} files`;
  },

  async checkpoint_with_children_and_volumes({ pod, client, folder }) {
    const location = `${folder()}/checkpoint.tar`;
    const its = await pod();
    const mounts = [{ host_path: folder(), container_path: "/data" }];
    const family =
      "sleep 100 & sleep 100 & i=0; while :; do i=$((i+1)); echo $i >/data/count; sleep 0.02; done";
    const main = await its.run("main", ["sh", "-c", family], { mounts });
    await until("it to count", async () => (await its.exec(main, ["cat", "/data/count"])).code === 0);
    await client.call("CheckpointContainer", { container_id: main, location, timeout: 30 });
    const names = command("tar", "-tf", location).split("\n");
    const images = names.filter((name) => /^checkpoint\/core-\d+\.img$/.test(name));
    // The shell, and one sleep or three.
    ok(images.length >= 3 && images.length <= 4, names.join());
    for (const name of ["config.dump", "spec.dump", "rootfs-diff.tar"])
      ok(names.includes(name), names.join());
    return undefined;
  },
};

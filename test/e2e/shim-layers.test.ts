// Root file systems whose layers have mapped ids, under tsrun as containerd's shim: containerd asks for them
// in a pod with a user namespace.

import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needsKernel } from "../support/behaviour.ts";
import type { Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { refusal, Shim } from "../support/shim.ts";
import { mountsBelow, shimCase, withRootAs } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

const ROOT = 100_000;
const MAPS = [`uidmap=0:${ROOT}:65536`, `gidmap=0:${ROOT}:65536`];
const MAPPED_TMPFS = needsKernel(6, 3, "tmpfs with mapped ids");

/**
 * A folder for layers and bundles, in a mount that is shared with the whole host, as systemd sets up hosts:
 * whoever mounts something here mounts it wherever else this mount is.
 */
function sharedFolder(lab: Lab): string {
  const folder = join(lab.folder, "shared");
  mkdirSync(folder);
  execFileSync("mount", ["--make-shared", "-t", "tmpfs", "none", folder]);
  lab.atClose(() => void execFileSync("umount", ["--recursive", folder]));
  return folder;
}

/** Two layers. The second one is a mount in the folder of layers, as some snapshotters have them. */
function layersOf(folder: string, { rootfs }: Container): readonly string[] {
  const layers = ["one", "two"].map((name) => join(folder, "layers", name, "fs"));
  for (const layer of layers) mkdirSync(layer, { recursive: true });
  execFileSync("cp", ["-a", `${rootfs}/.`, layers[0] ?? ""]);
  execFileSync("mount", ["-t", "tmpfs", "none", layers[1] ?? ""]);
  writeFileSync(join(layers[1] ?? "", "of-two"), "");
  return layers;
}

/** As containerd's overlay snapshotter asks for it; `own` is where the container's own files go, if given. */
function overlay(layers: readonly string[], own?: string): { type: string; options: string[] } {
  const options = ["index=off", ...MAPS, `lowerdir=${layers.join(":")}`];
  if (own === undefined) return { type: "overlay", options };
  const [upper, work] = [join(own, "upper"), join(own, "work")];
  for (const path of [upper, work]) mkdirSync(path, { recursive: true });
  chownSync(upper, ROOT, ROOT);
  return { type: "overlay", options: [...options, `workdir=${work}`, `upperdir=${upper}`] };
}

/** A bundle of the same container in another folder. */
function bundleIn(folder: string, box: Container): string {
  const bundle = join(folder, `bundle-${box.id}`);
  mkdirSync(bundle);
  execFileSync("cp", [join(box.bundle, "config.json"), bundle]);
  return bundle;
}

shimCase(
  "containers of one image see its layers with the ids of their user namespace, each by itself",
  async (t, lab) => {
    const writing = withRootAs(ROOT, (config) => {
      config.process.args = ["/bin/sh", "-c", "touch /mine; exec sleep 1000"];
    });
    const boxes = [lab.container(writing), lab.container(writing)] as const;
    const folder = sharedFolder(lab);
    const layers = layersOf(folder, boxes[0]);
    const shim = await Shim.start(lab, boxes[0]);
    const roots: string[] = [];
    for (const box of boxes) {
      const [bundle, own] = [bundleIn(folder, box), join(lab.folder, `layers-${box.id}`)];
      await shim.create({ id: box.id, bundle, rootfs: [overlay(layers, own)] });
      await shim.client.call("Start", { id: box.id });
      const root = join(bundle, "rootfs");
      roots.push(root);
      for (const name of ["of-two", "bin"]) {
        const { uid, gid } = statSync(join(root, name));
        t.strictSame([uid, gid], [ROOT, ROOT], name);
      }
      await until("its own file", () => existsSync(join(own, "upper/mine")));
      t.equal(statSync(join(own, "upper/mine")).uid, ROOT);
    }
    const targets = mountsBelow(folder).map(({ target }) => target);
    t.strictSame(targets.sort(), [...roots, layers[1]].sort(), "a mount for each root, none on the layers");
    t.ok(readdirSync(layers[0] ?? "").includes("bin"), "nothing lies over the layers");
    t.equal(statSync(join(layers[1] ?? "", "of-two")).uid, 0);
    for (const { id } of boxes) {
      await shim.client.call("Kill", { id, signal: 9 });
      await shim.client.call("Wait", { id });
      await shim.client.call("Delete", { id });
    }
    await shim.stop();
    t.strictSame(
      mountsBelow(folder).map(({ target }) => target),
      [layers[1]],
    );
  },
  MAPPED_TMPFS,
);

shimCase(
  "mapped layers may be so many that their paths are longer than a page",
  async (t, lab) => {
    const box = lab.container(withRootAs(ROOT));
    const folder = sharedFolder(lab);
    const layers = [...layersOf(folder, box)];
    for (let index = 0; index < 120; index++) {
      const layer = join(folder, "layers", `n-${index}`, "fs");
      mkdirSync(layer, { recursive: true });
      layers.push(layer);
    }
    const shim = await Shim.start(lab, box);
    await shim.create({ rootfs: [overlay(layers)] });
    await shim.client.call("Start", { id: box.id });
    t.equal(statSync(join(box.rootfs, "of-two")).uid, ROOT);
    await shim.stop();
    t.strictSame(mountsBelow(box.bundle), []);
  },
  MAPPED_TMPFS,
);

shimCase(
  "layers whose ids cannot be mapped are refused by name, and nothing is left mounted",
  async (t, lab) => {
    const box = lab.container(withRootAs(ROOT));
    const folder = sharedFolder(lab);
    const [layer = ""] = layersOf(folder, box);
    const shim = await Shim.start(lab, box);
    const mount = overlay([layer], join(lab.folder, "own"));
    const without = (prefix: string): string[] => mount.options.filter((one) => !one.startsWith(prefix));
    const bad: readonly (readonly [object, number, RegExp])[] = [
      [overlay([layer, "/proc"]), 2, /"\/proc".*mapped ids: invalid argument/],
      [overlay([layer, "/nowhere"]), 2, /"\/nowhere".*mapped ids: no such file or directory/],
      [{ ...mount, options: [...without("upperdir"), "upperdir=/nowhere"] }, 2, /type overlay/],
      [{ ...mount, options: [...without("uidmap"), "uidmap=0:1"] }, 3, /invalid id map "uidmap=0:1"/],
      [{ type: "tmpfs", source: "x", options: MAPS }, 2, /only binds and overlays/],
    ];
    for (const [one, code, text] of bad) {
      const answer = await refusal(shim.create({ rootfs: [one] }));
      t.equal(answer[0], code, answer[1]);
      t.match(answer[1], text);
      t.strictSame(mountsBelow(box.bundle), []);
    }
    await shim.stop();
  },
  MAPPED_TMPFS,
);

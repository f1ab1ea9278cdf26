// The layers of an overlay: moved, and short enough for mount(2).

import t from "tap";
import { fitInPage, layersOf, sharedDirectory, withLayers } from "../../../src/shim/lower-layers.ts";

const SNAPSHOTS = "/var/lib/containerd/snapshots";
const data = (count: number): string[] => [
  "workdir=/w",
  `lowerdir=${Array.from({ length: count }, (_, index) => `${SNAPSHOTS}/${index}/fs`).join(":")}`,
];

t.test("layers are given from the directory that they share when they are longer than a page", async (t) => {
  t.strictSame(fitInPage(data(5)), { data: data(5), directory: undefined });
  const { data: short, directory } = fitInPage(data(120));
  t.equal(directory, SNAPSHOTS);
  t.equal(short[0], "workdir=/w");
  t.strictSame(layersOf(short).slice(0, 2), ["0/fs", "1/fs"]);
  t.throws(() => fitInPage(data(2000)), { code: "E_CONFIG", message: /longer than a page/ });
  t.throws(() => fitInPage([`lowerdir=/a:${"/b".repeat(3000)}`]), { code: "E_CONFIG" });
});

t.test("layers are exchanged, and nothing else", async (t) => {
  t.strictSame(withLayers(data(2), ["/r/0", "/r/1"]), ["workdir=/w", "lowerdir=/r/0:/r/1"]);
  t.strictSame(withLayers(["index=off"], ["/r/0"]), ["index=off"]);
  t.equal(sharedDirectory(["/x/1/fs"]), "/x/1");
  t.equal(sharedDirectory(["/a", "/b"]), "");
});

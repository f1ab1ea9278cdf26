// The command `start` of tsrun as containerd's shim when it is refused: then no shim is left.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../../src/protobuf/protobuf.ts";
import { ANY } from "../../src/shim/messages/well-known.ts";
import type { Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { Containerd, NAMESPACE, shimPath } from "../support/shim.ts";
import { shimCase } from "../support/shim-cases.ts";

/** The error of `start` with these options on stdin. */
function errorOf(lab: Lab, containerd: Containerd, box: Container, options: Uint8Array): string {
  const words = ["-namespace", NAMESPACE, "-address", containerd.address, "-id", box.id, "start"];
  const { bundle: cwd } = box;
  try {
    execFileSync(shimPath(lab), words, { cwd, env: containerd.environment, input: options, stdio: "pipe" });
    return "none";
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}

shimCase("a start that is refused leaves no shim and no socket", async (t, lab) => {
  const containerd = new Containerd(lab);
  const box = lab.container();
  const unknown = encode(ANY, { typeUrl: "no.such.Options", value: Uint8Array.of(8, 1) });
  t.match(errorOf(lab, containerd, box, unknown), /unknown runtime options \\?"no.such.Options/);
  // This fails when the shim is there already.
  const inTheWay = join(box.bundle, "shim.pid");
  mkdirSync(inTheWay);
  t.match(errorOf(lab, containerd, box, new Uint8Array(0)), /shim\.pid.*is a directory/);
  rmSync(inTheWay, { recursive: true });
  t.strictSame(readdirSync(join(lab.folder, "cd", "s")), [], "sockets");
});

// tsrun in the place of containerd's own shim, containerd-shim-runc-v2: it is asked for containers of other
// runtimes, too.

import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { runtimePath } from "../support/runtime.ts";
import { Containerd, optionsFor, refusal, Shim } from "../support/shim.ts";
import { shimCase, sleeping } from "../support/shim-cases.ts";

const CONTAINERDS = "containerd-shim-runc-v2";
/** gRPC's InvalidArgument. */
const INVALID = 3;

shimCase(
  "by the name of containerd's own shim it runs its own containers, and refuses others",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(sleeping), new Containerd(lab), CONTAINERDS);
    const { id } = shim.box;
    const create = (binaryName: string): Promise<unknown> =>
      shim.create({ options: optionsFor(lab, { binaryName }) });
    for (const other of ["/bin/sh", "sh", "no-such-runtime", "/no/such/runtime"]) {
      const [code, text] = await refusal(create(other));
      t.equal(code, INVALID);
      t.match(text, new RegExp(`^cannot run "${other}": .*${CONTAINERDS} is tsrun`));
      t.equal((await shim.box.state()).code, 1, "there is no container");
    }
    // As Docker finds its runtime "runc", through links.
    const link = join(lab.folder, "runc");
    symlinkSync(runtimePath, link);
    for (const own of ["", runtimePath, link]) {
      await create(own);
      t.match(await shim.box.stateDocument(), { status: "created" });
      await shim.client.call("Kill", { id, signal: 9 });
      await shim.client.call("Wait", { id });
      await shim.client.call("Delete", { id });
    }
    await shim.stop();
  },
);

shimCase("by its own name it is the runtime, whatever BinaryName says", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  await shim.create({ options: optionsFor(lab, { binaryName: "/bin/sh" }) });
  t.match(await shim.box.stateDocument(), { status: "created" });
  await shim.stop();
});

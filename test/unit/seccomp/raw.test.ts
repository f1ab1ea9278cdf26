// A ready-made filter in a configuration.

import t from "tap";
import { rawFilter } from "../../../src/seccomp/raw.ts";
import { SECCOMP_FILTER_FLAG_NEW_LISTENER } from "../../../src/seccomp/tables.ts";

t.test("base64 of every length comes back as its bytes", async (t) => {
  for (let length = 8; length < 300; length += 8) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 0xff);
    const { program } = rawFilter(Buffer.from(bytes).toString("base64"), {}, undefined);
    t.strictSame([...program], [...bytes], `${length} bytes`);
  }
});

t.test("it has a listener when somebody is named, and the profile's flags", async (t) => {
  const specAllow = 1 << 2;
  const log = 1 << 1;
  t.match(rawFilter("BgAAAAAA/38=", {}, undefined), { flags: specAllow, notify: false });
  t.match(rawFilter("BgAAAAAA/38=", { listenerPath: "" }, { flags: ["SECCOMP_FILTER_FLAG_LOG"] }), {
    flags: log,
    notify: false,
  });
  t.match(rawFilter("BgAAAAAA/38=", { listenerPath: "/a" }, {}), {
    flags: specAllow | SECCOMP_FILTER_FLAG_NEW_LISTENER,
    notify: true,
  });
});

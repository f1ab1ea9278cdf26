// Rules for containers of a user without privileges.

import t from "tap";
import { faults, NAMESPACES, PROCESS } from "./findings.ts";

const MAP = [{ containerID: 0, hostID: 1000, size: 1 }];
const LINUX = { namespaces: [...NAMESPACES, { type: "user" as const }], uidMappings: MAP, gidMappings: MAP };

t.test("a user needs a user namespace, root does not", async (t) => {
  t.strictSame(faults({}), []);
  t.strictSame(faults({}, 1000), [
    '/linux/namespaces: rootless container requires user namespaces: add {"type": "user"}',
  ]);
  t.strictSame(faults({ linux: LINUX }, 1000), []);
});

t.test("a user cannot give additional groups, map mounts or move network devices", async (t) => {
  const mounts = [{ destination: "/x", options: ["bind", "idmap"] }];
  const process = { ...PROCESS, user: { additionalGids: [0] } };
  t.strictSame(faults({ process, mounts, linux: { ...LINUX, netDevices: { eth0: {} } } }, 1000), [
    "/mounts/0: id-mapped mounts are not supported for rootless containers",
    "/process/user/additionalGids: cannot set any additional groups in a rootless container",
    "/linux/netDevices: network devices cannot be moved into a rootless container",
  ]);
});

t.test("owners in mount options are mapped", async (t) => {
  const mounts = [{ destination: "/x", type: "tmpfs", options: ["uid=0", "gid=5", "mode=0"] }];
  t.strictSame(faults({ mounts, linux: LINUX }, 1000), [
    '/mounts/0/options/1: "gid=5" is not mapped in /linux/gidMappings',
  ]);
  t.strictSame(faults({ mounts }), [], "root may");
});

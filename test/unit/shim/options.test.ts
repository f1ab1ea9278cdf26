// The options that callers send, by their types.

import t from "tap";
import { encode } from "../../../src/protobuf/protobuf.ts";
import {
  CREATE_OPTIONS,
  OLD_CHECKPOINT_OPTIONS,
  readCheckpointOptions,
  readRuntimeOptions,
} from "../../../src/shim/messages/options.ts";

const reader = {
  unknown: (name: string) => new Error(`unknown ${name}`),
  readFile: () => "",
};

t.test("what containerd 1.6's clients send to a shim that is not its own", async (t) => {
  const value = encode(CREATE_OPTIONS, { noPivotRoot: true, ioUid: 7, shimCgroup: "/x", fileLocks: true });
  const typeUrl = "containerd.linux.runc.CreateOptions";
  t.match(readRuntimeOptions({ typeUrl, value }, reader), {
    noPivotRoot: true,
    ioUid: 7,
    shimCgroup: "/x",
    noNewKeyring: undefined,
  });
  t.throws(() => readRuntimeOptions({ typeUrl: "other", value }, reader), /unknown other/);
});

t.test("the same for a checkpoint, whose paths have other numbers", async (t) => {
  const value = encode(OLD_CHECKPOINT_OPTIONS, { exit: true, workPath: "/work", imagePath: "/image" });
  for (const [typeUrl, workPath] of [
    ["containerd.linux.runc.CheckpointOptions", "/work"],
    ["containerd.runc.v1.CheckpointOptions", "/image"],
  ] as const) {
    t.match(readCheckpointOptions({ typeUrl, value }), { exit: true, workPath });
  }
});

// `-info` and `-v`: describe the shim, and what its runtime can do (api/types/introspection.proto).

import { features } from "../features/features.ts";
import { utf8 } from "../linux/call/words.ts";
import { readAll } from "../linux/files/files.ts";
import { decode, encode } from "../protobuf/protobuf.ts";
import { LIBSECCOMP_VERSION } from "../seccomp/version.ts";
import type { Build } from "./command-line.ts";
import { RUNTIME_INFO } from "./messages/options.ts";
import { ANY } from "./messages/well-known.ts";

/** How containerd calls runtime-spec's Features (containerd, core/runtime/v2, by typeurl). */
const FEATURES_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

/** The message that containerd reads. The options come on stdin and are returned in the message. */
export function describeShim({ version, commit }: Build): Uint8Array {
  const options = decode(ANY, readAll(0, "stdin"));
  const found = features({ version, commit, libseccomp: LIBSECCOMP_VERSION });
  return encode(RUNTIME_INFO, {
    name: "io.containerd.tsrun.v2",
    version: { version, revision: commit },
    ...(options.typeUrl === undefined ? {} : { options }),
    features: { typeUrl: FEATURES_TYPE, value: utf8(JSON.stringify(found)) },
  });
}

/** As containerd's shim prints them. */
export function versionLines({ name, version, commit }: Build): string {
  return `${name}:\n  Version:  ${version}\n  Revision: ${commit}\n\n`;
}

// A configuration's ready-made program for seccomp(2), instead of a profile (crun(1),
// run.oci.seccomp_bpf_data). Pure; called by container/filter.ts.

import type { Seccomp } from "../spec/types.ts";
import type { CompiledFilter } from "./filter.ts";
import type { Listener } from "./notify.ts";
import { filterFlags } from "./plan.ts";

/**
 * The filter from a program in base64, which the rules have accepted. AS CRUN: it has a listener if the
 * configuration names an agent, whatever its instructions are, and its flags are those of the profile.
 */
export function rawFilter(
  base64: string,
  { listenerPath = "" }: Listener,
  profile: Pick<Seccomp, "flags"> | undefined,
): CompiledFilter {
  const notify = listenerPath !== "";
  return { program: decodeBase64(base64), flags: filterFlags(profile?.flags, notify), notify };
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const digit of digits) {
    bits = ((bits << 6) | ALPHABET.indexOf(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >> held;
  }
  return bytes;
}

// The listings of the interpreters' machine code, for readers and for the test that assembles them;
// interpreter.ts has the bytes. Pure.

import type { Machine } from "../../linux/numbers/syscalls.ts";
import type { Listing } from "./listing.ts";
import { ARM64_LISTING } from "./listing-arm64.ts";
import { X86_64_LISTING } from "./listing-x86-64.ts";

export function listingFor(machine: Machine): Listing {
  return machine === "arm64" ? ARM64_LISTING : X86_64_LISTING;
}

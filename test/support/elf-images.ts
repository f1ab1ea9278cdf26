// Programs that cannot be executed, made from the tests' busybox or from nothing.

import { readFileSync } from "node:fs";
import { busybox } from "./rootfs.ts";

const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const OWN = process.arch === "arm64" ? EM_AARCH64 : EM_X86_64;
const FOREIGN = process.arch === "arm64" ? EM_X86_64 : EM_AARCH64;

/** `own` runs; `foreign` is for another machine; `cut` ends early; anything else is the path of a loader. */
export function imageOf(kind: string): Buffer {
  if (kind.startsWith("/")) return dynamicProgram(kind);
  const program = readFileSync(busybox() ?? "/bin/busybox");
  if (kind === "cut") return program.subarray(0, 100);
  if (kind === "foreign") program.writeUInt16LE(FOREIGN, 18);
  return program;
}

/** An ELF file of two program headers, the second of which names its loader. */
function dynamicProgram(loader: string): Buffer {
  const headers = 64 + 2 * 56;
  const image = Buffer.concat([Buffer.alloc(headers), Buffer.from(`${loader}\0`)]);
  image.write("\x7fELF\x02\x01\x01", 0, "latin1");
  image.writeUInt16LE(3, 16);
  image.writeUInt16LE(OWN, 18);
  image.writeUInt32LE(1, 20);
  image.writeBigUInt64LE(64n, 32);
  image.writeUInt16LE(64, 52);
  image.writeUInt16LE(56, 54);
  image.writeUInt16LE(2, 56);
  const size = BigInt(image.length);
  const [load, interpreter] = [64, 64 + 56];
  image.writeUInt32LE(1, load);
  image.writeUInt32LE(5, load + 4);
  image.writeBigUInt64LE(size, load + 32);
  image.writeBigUInt64LE(size, load + 40);
  image.writeBigUInt64LE(4096n, load + 48);
  image.writeUInt32LE(3, interpreter);
  image.writeUInt32LE(4, interpreter + 4);
  image.writeBigUInt64LE(BigInt(headers), interpreter + 8);
  image.writeBigUInt64LE(BigInt(loader.length + 1), interpreter + 32);
  image.writeBigUInt64LE(BigInt(loader.length + 1), interpreter + 40);
  image.writeBigUInt64LE(1n, interpreter + 48);
  return image;
}

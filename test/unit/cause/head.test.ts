// What a file is by its first bytes: the kernel's view of programs, on bytes that a stranger has chosen.

import t from "tap";
import { builtFor, HEAD_SIZE, type Head, headOf } from "../../../src/cause/head.ts";

const head = (text: string | Uint8Array, size?: number): Head => {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return headOf(bytes.subarray(0, HEAD_SIZE), size ?? bytes.length);
};

interface Elf {
  readonly machine?: number;
  readonly type?: number;
  readonly headers?: readonly (readonly [kind: number, offset: number, length: number])[];
}

/** An ELF file of 64 bits with these program headers. */
function elf({ machine = 62, type = 2, headers = [[1, 0, 64]] }: Elf = {}): Uint8Array {
  const bytes = new Uint8Array(64 + headers.length * 56);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, headers.length, true);
  headers.forEach(([kind, offset, length], index) => {
    view.setUint32(64 + index * 56, kind, true);
    view.setBigUint64(64 + index * 56 + 8, BigInt(offset), true);
    view.setBigUint64(64 + index * 56 + 32, BigInt(length), true);
  });
  return bytes;
}

t.test("a script's interpreter is the first word of its first line", async (t) => {
  t.match(head("#!/bin/sh -e\necho"), { kind: "script", interpreter: "/bin/sh", endsInCr: false });
  t.match(head("#! \t/usr/bin/env python\n"), { kind: "script", interpreter: "/usr/bin/env" });
  t.match(head("#!/bin/sh\r\n"), { kind: "script", interpreter: "/bin/sh\r", endsInCr: true });
  t.match(head("#!\n"), { kind: "script", interpreter: "" });
  t.match(head("#!"), { kind: "script", interpreter: "" });
});

t.test("what is no program is told by its first bytes", async (t) => {
  t.match(head(""), { kind: "empty" });
  t.match(head("echo hello\n"), { kind: "other", what: 'a text file without a "#!" line' });
  t.match(head("\ufeff#!/bin/sh\n"), { kind: "other", what: /byte order mark/ });
  t.match(head("MZ\x90"), { kind: "other", what: /Windows/ });
  t.match(head(new Uint8Array([0xcf, 0xfa, 0xed, 0xfe])), { what: /macOS/ });
  t.match(head(new Uint8Array([0x1f, 0x8b, 8, 0])), { what: /gzip/ });
  t.match(head(new Uint8Array([1, 0, 2])), { what: /no program/ });
});

t.test("a program's machine is named as images name it", async (t) => {
  const machines = { 62: "amd64", 183: "arm64", 40: "arm", 243: "riscv64", 21: "ppc64le", 8: "mips64le" };
  for (const [machine, name] of Object.entries(machines)) {
    t.match(head(elf({ machine: Number(machine) })), { kind: "elf", machine: name, isProgram: true });
  }
  t.match(head(elf({ machine: 9999 })), { machine: "machine 9999" });
});

t.test("a program's loader is found where its header says", async (t) => {
  t.match(
    head(
      elf({
        headers: [
          [1, 0, 64],
          [3, 100, 20],
        ],
      }),
    ),
    { loader: { at: 100, size: 20 } },
  );
  t.equal((head(elf()) as { loader?: unknown }).loader, undefined);
  const huge = elf({
    headers: [
      [1, 0, 64],
      [3, 100, 1e9],
    ],
  });
  t.equal((head(huge, 2e9) as { loader?: unknown }).loader, undefined, "a path is not that long");
});

t.test("a file that ends before its parts do is cut", async (t) => {
  t.match(head(elf({ headers: [[1, 0, 5000]] }), 5000), { isCut: false });
  t.match(head(elf({ headers: [[1, 0, 5000]] }), 4999), { isCut: true });
  t.match(head(elf().subarray(0, 40)), { kind: "elf", isCut: true });
  t.match(head(elf().subarray(0, 80), 80), { isCut: true }, "in the middle of its headers");
});

t.test("a library and an object file are no programs", async (t) => {
  t.match(head(elf({ type: 1 })), { isProgram: false });
  t.match(head(elf({ headers: [] })), { isProgram: false });
});

t.test("headers that lie are believed within the bytes that are there", async (t) => {
  const wild = elf();
  const view = new DataView(wild.buffer);
  view.setUint16(56, 65535, true);
  t.match(head(wild), { kind: "elf", isCut: true });
  view.setBigUint64(32, 0xffffffffffffff00n, true);
  t.match(head(wild), { kind: "elf", isCut: true });
  view.setUint16(54, 0, true);
  t.match(head(wild), { kind: "elf" });
});

t.test("a loader's path tells for whom a program was built", async (t) => {
  t.match(builtFor("/lib/ld-musl-x86_64.so.1"), /musl/);
  t.match(builtFor("/lib64/ld-linux-x86-64.so.2"), /glibc/);
  t.match(builtFor("/nix/store/x-glibc/lib/ld.so"), /Nix/);
  t.equal(builtFor("/opt/loader"), undefined);
});

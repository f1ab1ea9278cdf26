// The proxy as an executable: every field of its headers, read back as the kernel reads them (elf(5)).

import t from "tap";
import { proxyExecutable, TERMINATE } from "../../../src/proxy/machine/elf.ts";
import { ENTRY_OFFSET, interpreterCode } from "../../../src/proxy/machine/interpreter.ts";
import { BUFFER, SEGMENT_SIZE } from "../../../src/proxy/wire/protocol.ts";

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly inFile: number;
  readonly inMemory: number;
  readonly alignment: number;
}

function read(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) => Number(view.getBigUint64(at, true));
  const start = word(32);
  const size = view.getUint16(54, true);
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, index): Segment => {
    const at = start + index * size;
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: word(at + 8),
      address: word(at + 16),
      inFile: word(at + 32),
      inMemory: word(at + 40),
      alignment: word(at + 48),
    };
  });
  return {
    magic: [...bytes.subarray(0, 7)],
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    version: view.getUint32(20, true),
    entry: word(24),
    sections: word(40),
    headerSize: view.getUint16(52, true),
    segments,
  };
}

const MACHINES = { "x86-64": 62, arm64: 183 } as const;

for (const machine of ["x86-64", "arm64"] as const) {
  t.test(`the ${machine} executable has the headers the kernel wants`, async (t) => {
    const elf = read(proxyExecutable(machine, 3));
    t.strictSame(elf.magic, [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    t.match(elf, { type: 2, machine: MACHINES[machine], version: 1, sections: 0, headerSize: 64 });
    t.equal(elf.segments.length, 3);
  });

  t.test(`the ${machine} executable holds the handler and the interpreter, and nothing else`, async (t) => {
    const bytes = proxyExecutable(machine, 500);
    const { entry, segments } = read(bytes);
    const [code] = segments;
    if (code === undefined) throw new Error("no segment");
    t.match(code, { type: 1, flags: 5, offset: 0, inFile: bytes.length, inMemory: bytes.length });
    t.equal(entry, TERMINATE + ENTRY_OFFSET[machine]);
    const at = TERMINATE - code.address;
    t.strictSame(bytes.subarray(at), interpreterCode(machine, 500));
  });

  t.test(`memory of the ${machine} proxy is either writable or executable`, async (t) => {
    const { segments } = read(proxyExecutable(machine, 3));
    for (const { flags } of segments) t.not(flags & 3, 3);
    t.match(segments[1], { type: 1, flags: 6, address: BUFFER, inFile: 0, inMemory: SEGMENT_SIZE });
    t.match(segments[2], { type: 0x6474e551, flags: 6, address: 0, inMemory: 0 });
  });

  t.test(
    `segments of the ${machine} executable lie on pages of any size, apart from each other`,
    async (t) => {
      const { segments } = read(proxyExecutable(machine, 3));
      const loaded = segments.filter(({ type }) => type === 1).sort((a, b) => a.address - b.address);
      let end = 0;
      for (const { address, inMemory, offset, alignment } of loaded) {
        t.equal(alignment, 0x10000, "arm64 kernels may have pages of 64 KiB");
        t.equal(address % alignment, offset % alignment);
        t.ok(address >= end);
        t.ok(address >= 0x10000, "above vm.mmap_min_addr");
        end = address + inMemory;
      }
    },
  );
}

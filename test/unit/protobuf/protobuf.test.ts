// Protocol Buffers on the wire. The byte sequences are those of protobuf.dev's page on encodings, and of
// criu's rpc.proto as protoc writes it.

import t from "tap";
import { REQUEST, request, response } from "../../../src/checkpoint/messages.ts";
import { decode, encode, type Message } from "../../../src/protobuf/protobuf.ts";

const sample = {
  number: { number: 1, type: "int" },
  words: { number: 2, type: "string" },
  yes: { number: 3, type: "bool" },
  inner: { number: 4, type: { number: { number: 1, type: "int" } } },
  list: { number: 16, type: "string", repeated: true },
} as const satisfies Message;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

t.test("fields are written as the specification shows them", async (t) => {
  t.equal(hex(encode(sample, { number: 150 })), "089601");
  t.equal(hex(encode(sample, { words: "testing" })), "120774657374696e67");
  t.equal(hex(encode(sample, { yes: true })), "1801");
  t.equal(hex(encode(sample, { yes: false })), "1800", "false is sent, too: it may differ from a default");
  t.equal(hex(encode(sample, { inner: { number: 150 } })), "2203089601");
  t.equal(hex(encode(sample, { list: ["a", ""] })), "82010161820100");
  t.equal(hex(encode(sample, { number: -1 })), "08ffffffffffffffffff01", "an int32 is sent as 64 bits");
  t.equal(hex(encode(sample, {})), "");
  t.equal(hex(encode(sample, { number: undefined, words: undefined })), "");
});

t.test("strings are UTF-8, and their length is that of the bytes", async (t) => {
  t.equal(hex(encode(sample, { words: "é" })), "1202c3a9");
  t.strictSame(decode(sample, encode(sample, { words: "é ☃" })), { words: "é ☃" });
});

t.test("what was written is read", async (t) => {
  for (const number of [0, 1, 127, 128, 16384, 2 ** 31 - 1, -1, -(2 ** 31), 0x40000000, 0xffffffff]) {
    t.strictSame(decode(sample, encode(sample, { number })), { number });
  }
  const values = { number: 3, words: "x", yes: true, inner: { number: 0 }, list: ["a", "b", "a"] };
  t.strictSame(decode(sample, encode(sample, values)), values);
  const long = { words: "x".repeat(100000) };
  t.strictSame(decode(sample, encode(sample, long)), long);
});

t.test("fields that a newer criu sends are passed over, whatever their type", async (t) => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
  // Numbers 100 to 102: a varint, 64 bits, bytes; 103: 32 bits.
  const unknown = "a00605" + "a9060102030405060708" + "b2060161" + "bd0601020304";
  t.strictSame(decode(sample, bytes(`${unknown}0803`)), { number: 3 });
});

t.test("a message that is cut off is an error, not a value", async (t) => {
  const whole = encode(sample, { words: "testing", inner: { number: 150 } });
  for (let length = 1; length < whole.length; length++) {
    // After "testing", nine bytes, the message could end.
    if (length !== 9) t.throws(() => decode(sample, whole.subarray(0, length)), { message: /cut off/ });
  }
  t.throws(() => decode(sample, Uint8Array.from([8, ...Array(11).fill(0xff)])), { message: /no end/ });
  t.throws(() => decode(sample, Uint8Array.from([0x0b])), { message: /wire type 3/ });
});

t.test("criu's messages", async (t) => {
  t.equal(hex(encode(request, { type: REQUEST.VERSION })), "080a");
  t.equal(hex(encode(request, { type: REQUEST.NOTIFY, notifySuccess: true })), "08061801");
  const opts = { imagesDirFd: 5, pid: 300, root: "/r", extMnt: [{ key: "/k", val: "/v" }] };
  t.equal(
    hex(encode(request, { type: REQUEST.DUMP, opts })),
    ["0801", "1214", "0805", "10ac02", "6a022f72", "ba0108", "0a022f6b", "12022f76"].join(""),
  );
  // criu_resp of a VERSION request: type, success, version { 4, 2, gitid, 1 }.
  const version = Uint8Array.from(Buffer.from("080a1001520a080410021a0276342001", "hex"));
  t.strictSame(decode(response, version), {
    type: REQUEST.VERSION,
    success: true,
    version: { major: 4, minor: 2, sublevel: 1 },
  });
  const notice = encode(response, {
    type: REQUEST.NOTIFY,
    success: true,
    notify: { script: "post-dump", pid: 7 },
  });
  t.match(decode(response, notice), { notify: { script: "post-dump", pid: 7 } });
});

const counters = {
  large: { number: 1, type: "long" },
  part: { number: 2, type: "double" },
  bytes: { number: 3, type: "bytes" },
  list: { number: 4, type: "long", repeated: true, packed: true },
} as const satisfies Message;

t.test("counters of 64 bits, fractions, bytes and packed numbers", async (t) => {
  const values = { large: 2n ** 64n - 1n, part: 12.25, bytes: Uint8Array.of(0, 255), list: [1n, 300n, 0n] };
  t.equal(hex(encode(counters, { large: 300n })), "08ac02");
  t.equal(hex(encode(counters, { part: 1 })), "11000000000000f03f");
  t.equal(hex(encode(counters, { list: [3n, 270n, 86942n] })), "2206038e029ea705");
  t.equal(hex(encode(counters, { list: [] })), "", "an empty list is not sent");
  t.strictSame(decode(counters, encode(counters, values)), values);
  const apart = Uint8Array.from(Buffer.from("20012002", "hex"));
  t.strictSame(decode(counters, apart), { list: [1n, 2n] }, "numbers that are not packed are read, too");
});

t.test("a field of another type than the table's is an error", async (t) => {
  t.throws(() => decode(counters, Uint8Array.from([0x18, 1])), { code: "E_CONFIG", message: /another type/ });
});

t.test("bytes at random are a message or an error of ours", async (t) => {
  let seed = 7;
  const next = (): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed >> 16;
  };
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: next() % 40 }, () => next() & 0xff);
    try {
      decode(round % 2 === 0 ? counters : sample, bytes);
    } catch (error) {
      t.match(error, { code: "E_CONFIG", message: /^cannot read a message: / });
    }
  }
});

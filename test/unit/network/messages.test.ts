// rtnetlink messages, byte by byte as linux/netlink.h, linux/rtnetlink.h and linux/if_addr.h lay them out.

import t from "tap";
import {
  type Address,
  addAddress,
  encodeRequest,
  findLink,
  labelAfter,
  moveLink,
  newAnswer,
  readDatagram,
  setUp,
  staysWithDevice,
} from "../../../src/network/messages.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
}

function shown(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

const HEADER = "20 00 00 00 10 00 05 00 07 00 00 00 00 00 00 00";

t.test("a request is a header, a structure and its attributes", async (t) => {
  const up = encodeRequest(setUp(3, true), 7);
  t.equal(shown(up), `${HEADER} 00 00 00 00 03 00 00 00 01 00 00 00 01 00 00 00`);
  const { body } = setUp(3, false);
  t.equal(
    shown(body),
    "00 00 00 00 03 00 00 00 00 00 00 00 01 00 00 00",
    "down: the flag is meant, and not set",
  );
});

t.test("attributes are padded to four bytes, and their length is without the padding", async (t) => {
  const { body } = findLink("eth10");
  t.equal(shown(body.subarray(16)), "0a 00 03 00 65 74 68 31 30 00 00 00");
  const moved = moveLink(3, 9, "a").body;
  t.equal(shown(moved.subarray(16)), "06 00 03 00 61 00 00 00 08 00 1c 00 09 00 00 00");
});

const LINK = `
  28 00 00 00 10 00 02 00 07 00 00 00 00 00 00 00
  00 00 01 00 05 00 00 00 43 10 00 00 00 00 00 00
  07 00 03 00 77 30 00 00`;
const DONE = "14 00 00 00 03 00 02 00 07 00 00 00 00 00 00 00 00 00 00 00";

t.test("an answer is read up to its end, which may come in another datagram", async (t) => {
  const answer = newAnswer();
  readDatagram(hex(LINK + LINK), 7, answer);
  t.equal(answer.done, false);
  readDatagram(hex(DONE), 7, answer);
  t.equal(answer.done, true);
  t.equal(answer.errno, 0);
  t.strictSame(answer.links, [
    { index: 5, name: "w0", up: true },
    { index: 5, name: "w0", up: true },
  ]);
});

t.test("a refusal is an errno, a success none", async (t) => {
  const refused = newAnswer();
  const error = "24 00 00 00 02 00 00 00 07 00 00 00 00 00 00 00 ed ff ff ff";
  readDatagram(hex(`${error} ${"00 ".repeat(16)}`), 7, refused);
  t.match(refused, { done: true, errno: 19, links: [] });
  const success = newAnswer();
  readDatagram(hex(`24 00 00 00 02 00 00 00 07 00 00 00 ${"00 ".repeat(24)}`), 7, success);
  t.match(success, { done: true, errno: 0 });
});

t.test("what answers another request is passed over, and a list that changed is known", async (t) => {
  const answer = newAnswer();
  readDatagram(hex(DONE), 8, answer);
  t.match(answer, { done: false, interrupted: false });
  readDatagram(hex(DONE.replace("03 00 02 00", "03 00 12 00")), 7, answer);
  t.match(answer, { done: true, interrupted: true });
});

t.test("lengths that lie end the reading", async (t) => {
  for (const length of ["00", "0f", "ff"]) {
    const answer = newAnswer();
    readDatagram(hex(DONE.replace("14", length)), 7, answer);
    t.equal(answer.done, false, length);
  }
  const answer = newAnswer();
  readDatagram(hex(LINK.replace("07 00 03 00", "ff 00 03 00")), 7, answer);
  t.equal(answer.links[0]?.name, "");
});

// 192.0.2.7/24 with broadcast and label, permanent, no prefix route.
const ADDRESS = `
  50 00 00 00 14 00 02 00 07 00 00 00 00 00 00 00
  02 18 80 00 05 00 00 00
  08 00 01 00 c0 00 02 07
  08 00 02 00 c0 00 02 07
  08 00 04 00 c0 00 02 ff
  09 00 03 00 77 30 3a 62 00 00 00 00
  08 00 08 00 80 02 00 00
  14 00 06 00 ff ff ff ff ff ff ff ff 00 00 00 00`;

function addressOf(text: string): Address {
  const answer = newAnswer();
  readDatagram(hex(text), 7, answer);
  const [address] = answer.addresses;
  if (address === undefined) throw new Error("no address was read");
  return address;
}

t.test("an address is added with what it had, but for what the kernel says of it", async (t) => {
  const text = ADDRESS.replace("50 00", "58 00");
  const address = addressOf(`${text} 00 00 00 00`);
  t.match(address, { index: 5, family: 2, prefix: 24, scope: 0, flags: 0x280, label: "w0:b" });
  t.equal(staysWithDevice(address), true);
  const { type, body } = addAddress(address, 6, "x0:b");
  t.equal(type, 20);
  t.equal(
    shown(body),
    [
      "02 18 00 00 06 00 00 00",
      "08 00 01 00 c0 00 02 07 08 00 02 00 c0 00 02 07 08 00 04 00 c0 00 02 ff",
      "08 00 08 00 00 02 00 00",
      "09 00 03 00 78 30 3a 62 00 00 00 00",
    ].join(" "),
  );
});

t.test("addresses that do not last, or do not reach outside, stay behind", async (t) => {
  const plain = { ...addressOf(`${ADDRESS.replace("50 00", "58 00")} 00 00 00 00`), flags: 0x80 };
  t.equal(staysWithDevice(plain), true);
  t.equal(staysWithDevice({ ...plain, flags: 0 }), false);
  t.equal(staysWithDevice({ ...plain, scope: 253 }), false);
});

t.test("a label follows its device's name while it fits", async (t) => {
  const address = { ...addressOf(`${ADDRESS.replace("50 00", "58 00")} 00 00 00 00`), label: "eth0:web" };
  t.equal(labelAfter(address, "eth0", "net1"), "net1:web");
  t.equal(labelAfter(address, "eth0", "twelve-chars"), undefined);
  t.equal(labelAfter({ ...address, label: "eth0" }, "eth0", "net1"), undefined);
  t.equal(labelAfter({ ...address, label: undefined }, "eth0", "net1"), undefined);
});

// ttrpc's frames: whole, in pieces of any size, too long.

import t from "tap";
import { encodeFrame, FrameReader, LONGEST_MESSAGE, TYPE_REQUEST } from "../../../src/shim/ttrpc/frame.ts";

const message = Uint8Array.from({ length: 300 }, (_, index) => index & 0xff);

t.test("a frame has ten bytes before its message", async (t) => {
  const bytes = encodeFrame(0x01020304, TYPE_REQUEST, Uint8Array.of(7));
  t.strictSame([...bytes], [0, 0, 0, 1, 1, 2, 3, 4, 1, 0, 7]);
});

t.test("frames come whole, in whatever pieces their bytes arrive", async (t) => {
  const stream = [1, 3, 5].flatMap((id) => [...encodeFrame(id, TYPE_REQUEST, message.subarray(0, id * 50))]);
  for (const size of [1, 2, 7, 9, 10, 11, 64, 1000]) {
    const reader = new FrameReader();
    const got: [number, number][] = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(Uint8Array.from(stream.slice(at, at + size)));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        got.push([frame.stream, frame.message?.length ?? -1]);
      }
    }
    t.strictSame(
      got,
      [
        [1, 50],
        [3, 150],
        [5, 250],
      ],
      `pieces of ${size} bytes`,
    );
  }
});

t.test("a message that is too long is passed over, and what follows is read", async (t) => {
  const header = encodeFrame(1, TYPE_REQUEST, new Uint8Array(0));
  new DataView(header.buffer).setUint32(0, LONGEST_MESSAGE + 1);
  const reader = new FrameReader();
  reader.push(header);
  t.match(reader.next(), { stream: 1, message: undefined });
  const chunk = new Uint8Array(1 << 20);
  for (let index = 0; index < 4; index++) reader.push(chunk);
  reader.push(Uint8Array.of(0, ...encodeFrame(3, TYPE_REQUEST, Uint8Array.of(9))));
  const next = reader.next();
  t.equal(next?.stream, 3);
  t.strictSame([...(next?.message ?? [])], [9]);
});

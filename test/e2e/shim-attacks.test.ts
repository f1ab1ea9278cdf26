// What a shim takes from peers that send what they should not, or too much, or leave: it answers with an
// error or lets go of the connection, and goes on for everybody else.

import type { Test } from "tap";
import { encode } from "../../src/protobuf/protobuf.ts";
import { STATUS, TASK_METHODS } from "../../src/shim/messages/task.ts";
import { encodeFrame, LONGEST_MESSAGE, REQUEST, TYPE_REQUEST } from "../../src/shim/ttrpc/frame.ts";
import type { Lab } from "../support/lab.ts";
import { randomFrom } from "../support/random.ts";
import { refusal, type Shim, ShimClient } from "../support/shim.ts";
import { processOf, shimCase, shimWith } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

const SERVICE = "containerd.task.v2.Task";

/** The bytes of a request for the state of a container. */
function stateRequest(id: string): Uint8Array {
  return encode(REQUEST, {
    service: SERVICE,
    method: "State",
    payload: encode(TASK_METHODS.State[0], { id }),
  });
}

/** gRPC's code of a request: 0 where it succeeds. */
async function codeOf(asked: Promise<unknown>): Promise<number> {
  return (await refusal(asked))[0];
}

/** A shim with a running container, and the descriptors that it has then. */
async function running(lab: Lab): Promise<Running> {
  const shim = await shimWith("running", lab);
  await shim.containerd.waitFor("TaskStart");
  return { shim, id: shim.box.id, descriptors: shim.descriptors };
}

interface Running {
  readonly shim: Shim;
  readonly id: string;
  readonly descriptors: number;
}

/** It still answers, and has let go of everybody else. */
async function goesOn(t: Test, { shim, id, descriptors }: Running): Promise<void> {
  const client = await ShimClient.connect(shim.address);
  t.equal((await client.call("State", { id })).status, STATUS.running, "it answers");
  client.close();
  await until("the descriptors to be closed", () => shim.descriptors <= descriptors);
  await shim.stop();
}

shimCase("random bytes end at most their own connection", async (t, lab) => {
  const it = await running(lab);
  const random = randomFrom(17);
  for (let round = 0; round < 200; round++) {
    const client = await ShimClient.connect(it.shim.address);
    const bytes = Uint8Array.from({ length: random(400) }, () => random(256));
    // Half of them with a header that is one.
    client.write(round % 2 === 0 ? bytes : encodeFrame(random(9), random(5), bytes));
    client.close();
  }
  await goesOn(t, it);
});

shimCase("random messages in a request's place are answered with an error", async (t, lab) => {
  const it = await running(lab);
  const random = randomFrom(4);
  const methods = Object.keys(TASK_METHODS).filter((name) => name !== "Shutdown");
  for (let round = 0; round < 300; round++) {
    const payload = Uint8Array.from({ length: 1 + random(60) }, () => random(256));
    const method = methods[round % methods.length] ?? "";
    const code = await codeOf(it.shim.client.ask(encode(REQUEST, { service: SERVICE, method, payload })));
    // By chance some are messages without anything that is known: Connect needs nothing.
    if (method !== "Connect") t.not(code, 0, `${method} of ${payload.join(" ")}`);
  }
  await goesOn(t, it);
});

shimCase(
  "a request that is cut off at any byte is answered, or waited for until its sender leaves",
  async (t, lab) => {
    const it = await running(lab);
    const whole = stateRequest(it.id);
    for (let length = 0; length < whole.length; length++) {
      // The frame is whole, the message in it is not.
      const code = await codeOf(it.shim.client.ask(whole.subarray(0, length)));
      t.ok([3, 5, 12].includes(code), `${length} bytes: code ${code}`);
    }
    const frame = encodeFrame(1, TYPE_REQUEST, whole);
    for (let length = 0; length < frame.length; length++) {
      const client = await ShimClient.connect(it.shim.address);
      client.write(frame.subarray(0, length));
      client.close();
    }
    await goesOn(t, it);
  },
);

shimCase("a message that is too long is refused, and the connection goes on", async (t, lab) => {
  const it = await running(lab);
  const { client } = it.shim;
  t.equal(await codeOf(client.ask(new Uint8Array(LONGEST_MESSAGE + 1))), 8, "resource exhausted");
  t.equal(await codeOf(client.ask(stateRequest(it.id))), 0);
  const other = await ShimClient.connect(it.shim.address);
  // It is never sent, and nothing is set aside for it.
  other.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, TYPE_REQUEST, 0, 1, 2, 3));
  other.close();
  await goesOn(t, it);
});

shimCase("calls that are abandoned hold nothing", async (t, lab) => {
  const it = await running(lab);
  const { shim, id } = it;
  for (let round = 0; round < 50; round++) {
    const client = await ShimClient.connect(shim.address);
    client.call("Wait", { id }).catch(() => {});
    if (round % 2 === 0) await client.call("State", { id });
    client.close();
  }
  await until("the descriptors to be closed", () => shim.descriptors <= it.descriptors);
  // Asked before the end, and behind all those whose senders have left.
  const ended = shim.client.call("Wait", { id });
  await shim.client.call("Kill", { id, signal: 9 });
  t.equal((await ended).exitStatus, 137);
  await shim.stop();
});

shimCase("a client that asks and never reads holds nobody", async (t, lab) => {
  const it = await running(lab);
  const other = await ShimClient.connect(it.shim.address);
  other.pause();
  const requests = Array.from({ length: 2_000 }, () => encodeFrame(1, TYPE_REQUEST, stateRequest(it.id)));
  const chunk = Uint8Array.from(Buffer.concat(requests));
  for (let round = 0; round < 5; round++) {
    other.write(chunk);
    t.equal(
      (await it.shim.client.call("State", { id: it.id })).status,
      STATUS.running,
      "the other is served",
    );
  }
  other.close();
  await goesOn(t, it);
});

shimCase("a client that leaves too many answers unread is let go of", async (t, lab) => {
  const it = await running(lab);
  const other = await ShimClient.connect(it.shim.address);
  other.pause();
  // The answer repeats the id.
  const payload = encode(TASK_METHODS.State[0], { id: it.id, execId: "x".repeat(LONGEST_MESSAGE / 2) });
  const frame = encodeFrame(1, TYPE_REQUEST, encode(REQUEST, { service: SERVICE, method: "State", payload }));
  for (let round = 0; round < 24; round++) other.write(frame);
  await until("it to be let go of", () => it.shim.descriptors <= it.descriptors, 30_000);
  await goesOn(t, it);
  other.close();
});

shimCase("two clients at once get each their own answers", async (t, lab) => {
  const it = await running(lab);
  const { shim, id } = it;
  const clients = [shim.client, await ShimClient.connect(shim.address)];
  const spec = processOf(shim, "exit 4");
  const asked = clients.flatMap((client, index) =>
    Array.from({ length: 20 }, async (_, round) => {
      const execId = `e-${index}-${round}`;
      if (round % 4 === 0) {
        await client.call("Exec", { id, execId, spec });
        await client.call("Start", { id, execId });
        const { exitStatus } = await client.call("Wait", { id, execId });
        await client.call("Delete", { id, execId });
        return exitStatus === 4;
      }
      const unknown = await codeOf(client.call("State", { id, execId }));
      return unknown === 5 && (await client.call("State", { id })).id === id;
    }),
  );
  t.strictSame([...new Set(await Promise.all(asked))], [true]);
  clients[1]?.close();
  await goesOn(t, it);
});

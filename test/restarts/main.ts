// containerd is killed and started again at moments of a container's life, while other containers print and
// are exec'd into: `node FILE HANDLER [WORD...]`, called by scripts/shim-lab.sh. No event may be lost or come
// twice. WORDs are parts of the moments' names.

import { chmodSync, writeFileSync, writeSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Client } from "../cri/client.ts";
import { traces } from "../cri/host.ts";
import { Pod } from "../cri/pod.ts";
import { until } from "../support/wait.ts";
import { live, Restarts } from "./life.ts";
import { faultsIn } from "./lives.ts";
import { MOMENTS } from "./moments.ts";
import { Relay } from "./relay.ts";

const RELAY = "/run/shim-events.sock";
const CONTAINERD = "/run/containerd/containerd.sock.ttrpc";

const say = (line: string): void => void writeSync(1, `${line}\n`);

/** Shims that send their events to the relay: the same programs under other names. */
function makeShims(): void {
  for (const [name, program] of [
    ["tsrunwatched", "/usr/local/bin/containerd-shim-tsrun-v2"],
    ["runcwatched", "/usr/bin/containerd-shim-runc-v2"],
  ]) {
    const path = `/usr/local/bin/containerd-shim-${name}-v2`;
    writeFileSync(path, `#!/bin/sh\nTTRPC_ADDRESS=${RELAY} exec ${program} "$@"\n`);
    chmodSync(path, 0o755);
  }
}

async function main(handler: string, words: readonly string[]): Promise<boolean> {
  makeShims();
  const client = new Client();
  const relay = new Relay(RELAY, CONTAINERD);
  const restarts = new Restarts(client, relay, handler);
  const before = traces();
  const company = await new Company(restarts).begin();
  const chosen = MOMENTS.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  let failed = 0;
  for (const moment of chosen) {
    const start = Date.now();
    const said = await live(restarts, moment).then(
      (exit) => `ok     ${moment.name} (${exit})`,
      (error) => {
        failed += 1;
        return `not ok ${moment.name}: ${error instanceof Error ? error.message : error}`;
      },
    );
    say(`${said}, ${Date.now() - start} ms`);
  }
  const faults = await company.end();
  await until("all traces to go", () => isDeepStrictEqual(traces(), before), 20_000).catch(() => {
    const { shims, states, mounts } = traces();
    faults.push(`left: ${shims} shims, ${states.length} containers, ${mounts.length} mounts`);
  });
  faults.push(...faultsIn(relay.taken));
  for (const fault of faults) say(`not ok ${fault}`);
  const { kills, sent, taken } = { ...restarts, sent: relay.sent, taken: relay.taken.length };
  say(`${kills} kills, ${taken} events taken, ${sent - taken} sent again, ${faults.length} faults`);
  client.close();
  relay.close();
  return failed + faults.length === 0;
}

/** What else is in flight: a container that prints, and one that is exec'd into all the time. */
class Company {
  readonly #restarts: Restarts;
  readonly #pod: Pod;
  #printer = "";
  #ending = false;
  #execs: Promise<number> = Promise.resolve(0);

  constructor(restarts: Restarts) {
    this.#restarts = restarts;
    this.#pod = new Pod(restarts.client, restarts.handler);
  }

  async begin(): Promise<this> {
    await this.#pod.up();
    const count = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
    this.#printer = await this.#pod.run("printer", ["sh", "-c", count]);
    const sleeper = await this.#pod.run("sleeper", ["sleep", "100000"]);
    this.#execs = this.#execute(sleeper);
    return this;
  }

  async #execute(container: string): Promise<number> {
    let done = 0;
    while (!this.#ending) {
      await this.#restarts.insist(() => this.#pod.exec(container, ["true"]));
      done += 1;
    }
    return done;
  }

  /** What was wrong with them. */
  async end(): Promise<string[]> {
    this.#ending = true;
    const execs = await this.#execs;
    await this.#restarts.insist(() => this.#pod.stop(this.#printer));
    const faults = this.#faultsInLog();
    await this.#restarts.insist(() => this.#pod.down());
    say(`${execs} execs beside it`);
    return faults;
  }

  /** What containerd has read and not written is lost with it, but nothing else is. */
  #faultsInLog(): string[] {
    const numbers = this.#pod.log("printer").map(Number).filter(Number.isInteger);
    const jumps = numbers.filter((number, index) => index > 0 && number !== (numbers[index - 1] ?? 0) + 1);
    const backwards = numbers.filter((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0));
    say(`${numbers.length} lines of output, ${jumps.length} gaps`);
    if (backwards.length > 0) return [`output came twice: ${backwards.slice(0, 5).join()}`];
    return jumps.length > 2 * this.#restarts.kills ? [`${jumps.length} gaps in the output`] : [];
  }
}

const [handler = "tsrun-watched", ...words] = process.argv.slice(2);
process.exit((await main(handler, words)) ? 0 : 1);

// A pod and its containers as a kubelet makes them: the calls of the CRI, and the state on the host.

import { mkdirSync, readFileSync } from "node:fs";
import { until } from "../support/wait.ts";
import type { Client } from "./client.ts";

export const IMAGE = "docker.io/library/bb:latest";
export const PAUSE_IMAGE = "docker.io/library/pause:latest";

/** Messages of api.proto, which are passed on unchanged. */
export type Message = Readonly<Record<string, unknown>>;

export interface ContainerOptions {
  readonly mounts?: readonly Message[];
  readonly envs?: readonly { readonly key: string; readonly value: string }[];
  readonly devices?: readonly Message[];
  readonly resources?: Message;
  /** Of the security context. */
  readonly security?: Message;
  readonly workingDir?: string;
  readonly attempt?: number;
  readonly image?: string;
}

export interface PodOptions {
  readonly security?: Message;
  readonly config?: Message;
  readonly linux?: Message;
  readonly handler?: string;
}

export interface Executed {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

export interface Status {
  readonly state: string;
  readonly exit_code: number;
  readonly reason: string;
  readonly started_at: number;
  readonly finished_at: number;
}

export const OWN_PID = { network: "POD", pid: "CONTAINER", ipc: "POD" };
export const SHARED_PID = { network: "POD", pid: "POD", ipc: "POD" };

const MAPPING = [{ host_id: 100_000, container_id: 0, length: 65_536 }];
/** The options of a pod with `hostUsers: false`. */
export const USER_NAMESPACE = {
  namespace_options: { ...OWN_PID, userns_options: { mode: "POD", uids: MAPPING, gids: MAPPING } },
};
export const IDMAPPED = { uidMappings: MAPPING, gidMappings: MAPPING };

let count = 0;

export class Pod {
  readonly name = `own${process.pid}-${++count}`;
  id = "";
  readonly #client: Client;
  readonly #handler: string;
  readonly #config: Message;
  /** The security context of a container that does not set its own. */
  readonly #security: Message;

  constructor(client: Client, handler: string, options: PodOptions = {}) {
    this.#client = client;
    this.#handler = options.handler ?? handler;
    this.#security = options.security ?? {};
    this.#config = {
      metadata: { name: this.name, namespace: "default", uid: this.name, attempt: 0 },
      log_directory: `/lab/logs/${this.name}`,
      labels: {},
      annotations: {},
      ...options.config,
      linux: {
        cgroup_parent: `/${process.env.LAB_ID}/${this.name}`,
        security_context: { namespace_options: OWN_PID, ...options.security },
        ...options.linux,
      },
    };
  }

  async up(): Promise<this> {
    mkdirSync(`/lab/logs/${this.name}`, { recursive: true });
    const request = { config: this.#config, runtime_handler: this.#handler };
    const answer = await this.#client.call<{ pod_sandbox_id: string }>("RunPodSandbox", request);
    this.id = answer.pod_sandbox_id;
    return this;
  }

  async create(name: string, command: readonly string[], options: ContainerOptions = {}): Promise<string> {
    const config = {
      metadata: { name, attempt: options.attempt ?? 0 },
      image: { image: options.image ?? IMAGE, user_specified_image: IMAGE },
      command,
      log_path: `${name}.log`,
      mounts: options.mounts ?? [],
      // The interface has the values as bytes.
      envs: (options.envs ?? []).map(({ key, value }) => ({ key, value: Buffer.from(value) })),
      devices: options.devices ?? [],
      annotations: {},
      labels: {},
      linux: {
        resources: options.resources ?? {},
        security_context: {
          namespace_options: OWN_PID,
          seccomp: { profile_type: "Unconfined" },
          ...this.#security,
          ...options.security,
        },
      },
      working_dir: options.workingDir ?? "",
    };
    const request = { pod_sandbox_id: this.id, config, sandbox_config: this.#config };
    return (await this.#client.call<{ container_id: string }>("CreateContainer", request)).container_id;
  }

  async start(container: string): Promise<void> {
    await this.#client.call("StartContainer", { container_id: container });
  }

  async run(name: string, command: readonly string[], options: ContainerOptions = {}): Promise<string> {
    const container = await this.create(name, command, options);
    await this.start(container);
    return container;
  }

  async exec(container: string, cmd: readonly string[], timeout = 20): Promise<Executed> {
    const { stdout, stderr, exit_code } = await this.#client.call<{
      stdout: Buffer;
      stderr: Buffer;
      exit_code: number;
    }>("ExecSync", { container_id: container, cmd, timeout });
    return { out: stdout.toString().trim(), err: stderr.toString().trim(), code: exit_code };
  }

  /** The output of a shell command; throws if it fails. */
  async shell(container: string, line: string): Promise<string> {
    const { out, err, code } = await this.exec(container, ["sh", "-c", line]);
    if (code !== 0) throw new Error(`"${line}" has ended with ${code}: ${err}`);
    return out;
  }

  async stop(container: string, timeout = 0): Promise<void> {
    await this.#client.call("StopContainer", { container_id: container, timeout });
  }

  async remove(container: string): Promise<void> {
    await this.#client.call("RemoveContainer", { container_id: container });
  }

  async status(container: string): Promise<Status> {
    const request = { container_id: container };
    return (await this.#client.call<{ status: Status }>("ContainerStatus", request)).status;
  }

  async exited(container: string): Promise<Status> {
    return await until(
      "the container to exit",
      async () => {
        const status = await this.status(container);
        return status.state === "CONTAINER_EXITED" && status;
      },
      30_000,
    );
  }

  async pid(container: string): Promise<number> {
    const request = { container_id: container, verbose: true };
    const { info } = await this.#client.call<{ info: { info: string } }>("ContainerStatus", request);
    return JSON.parse(info.info).pid;
  }

  /** The container's output, without times and streams. */
  log(name: string, suffix = ""): string[] {
    return readFileSync(`/lab/logs/${this.name}/${name}.log${suffix}`, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(" ").slice(3).join(" "));
  }

  async down(): Promise<void> {
    if (this.id === "") return;
    const request = { pod_sandbox_id: this.id };
    const stop = () => this.#client.call("StopPodSandbox", request);
    try {
      // A container whose start fails meanwhile takes its shim's connection with it, with any runtime (1 of 6
      // times with runc). A kubelet asks again.
      await stop().catch((error) => (/ttrpc: closed/.test(String(error)) ? stop() : Promise.reject(error)));
    } finally {
      await this.#client.call("RemovePodSandbox", request);
    }
    this.id = "";
  }
}

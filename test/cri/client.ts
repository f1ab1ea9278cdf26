// A client of containerd's CRI plugin, like a kubelet: makes calls over gRPC. The gRPC library and the
// interface's description, api.proto, are beside the bundle that scripts/conformance/cri.sh makes from this
// file.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const ADDRESS = "unix:///run/containerd/containerd.sock";
const OPTIONS = { "grpc.max_receive_message_length": 64 << 20, "grpc.default_authority": "localhost" };
const AS_WRITTEN = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };

/** The part of the library that is used; it has no types here. */
interface Grpc {
  readonly credentials: { createInsecure(): unknown };
  loadPackageDefinition(definition: unknown): { readonly runtime: { readonly v1: Services } };
}

interface Services {
  readonly RuntimeService: new (address: string, credentials: unknown, options: object) => Service;
}

interface Service {
  close(): void;
  readonly [method: string]: unknown;
}

type Done = (error: Error | null, response: unknown) => void;
type Unary = (request: object, options: { deadline: number }, done: Done) => void;
type Streaming = (request: object) => Stream;

export interface Stream {
  on(event: "data", listener: (message: Readonly<Record<string, unknown>>) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  cancel(): void;
}

export class Client {
  readonly #connect: () => Service;
  readonly #limitMs: number;
  #service: Service;

  /** @param limitMs how long a call may take if it does not say so itself */
  constructor(limitMs = 60_000) {
    this.#limitMs = limitMs;
    const require = createRequire(process.argv[1] ?? "");
    const grpc: Grpc = require("@grpc/grpc-js");
    const definition = require("@grpc/proto-loader").loadSync(
      join(dirname(process.argv[1] ?? ""), "api.proto"),
      AS_WRITTEN,
    );
    const { RuntimeService } = grpc.loadPackageDefinition(definition).runtime.v1;
    this.#connect = () => new RuntimeService(ADDRESS, grpc.credentials.createInsecure(), OPTIONS);
    this.#service = this.#connect();
  }

  /** Rejects with gRPC's error, whose `details` are the server's message. */
  call<T>(method: string, request: object, limitMs = this.#limitMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const service = this.#service;
      (service[method] as Unary).call(
        service,
        request,
        { deadline: Date.now() + limitMs },
        (error, response) => (error === null ? resolve(response as T) : reject(error)),
      );
    });
  }

  stream(method: string, request: object): Stream {
    const service = this.#service;
    return (service[method] as Streaming).call(service, request);
  }

  /** Connects again, after the server has been restarted. */
  reconnect(): void {
    this.#service.close();
    this.#service = this.#connect();
  }

  close(): void {
    this.#service.close();
  }
}

// Runtime classes: a second handler of the same runtime, HANDLER-limited, with a base specification that has
// ulimits, and without the host's devices for privileged containers.

import { deepEqual, equal, ok } from "node:assert/strict";
import { refused, type Scenarios } from "../scenario.ts";

interface Handlers {
  readonly runtime_handlers: readonly {
    readonly name: string;
    readonly features: {
      readonly recursive_read_only_mounts: boolean;
      readonly user_namespaces: boolean;
    };
  }[];
}

export const classes: Scenarios = {
  async ulimits_of_a_runtime_class({ pod, handler }) {
    const its = await pod({ handler: `${handler}-limited` });
    const main = await its.run("main", ["sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; sleep 100"]);
    equal(await its.shell(main, "ulimit -n; ulimit -Hn; ulimit -c"), "300\n400\n0");
    deepEqual(its.log("main"), ["300", "400", "0"]);
    return undefined;
  },

  async privileged_without_devices_of_the_host({ pod, handler }) {
    const its = await pod({ handler: `${handler}-limited`, security: { privileged: true } });
    const main = await its.run("main", ["sleep", "100"]);
    equal((await its.exec(main, ["test", "-e", "/dev/net/tun"])).code, 1);
    await its.shell(main, "mkdir /m && mount -t tmpfs t /m");
    return undefined;
  },

  async pods_of_two_runtime_classes({ pod, handler }) {
    const both = await Promise.all([pod(), pod({ handler: `${handler}-limited` })]);
    const mains = await Promise.all(both.map((its) => its.run("main", ["sleep", "100"])));
    const soft = await Promise.all(both.map((its, index) => its.shell(mains[index] ?? "", "ulimit -n")));
    ok(soft[0] !== "300");
    equal(soft[1], "300");
    return undefined;
  },

  async unknown_runtime_class({ pod }) {
    await refused(/no runtime for "nobody" is configured/, pod({ handler: "nobody" }));
    return undefined;
  },

  async features_of_the_handler({ client, handler }) {
    const { runtime_handlers } = await client.call<Handlers>("Status", {});
    const features = runtime_handlers.find(({ name }) => name === handler)?.features;
    deepEqual({ ...features }, { recursive_read_only_mounts: true, user_namespaces: true });
    return undefined;
  },
};

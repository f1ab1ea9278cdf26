// From text to checked configuration: the result, and the errors.

import t from "tap";
import { TsrunError } from "../../../src/errors.ts";
import { loadConfig, loadProcess, loadResources } from "../../../src/spec/load.ts";
import { reloadConfig } from "../../../src/spec/saved.ts";

const GOOD = { ociVersion: "1.2.1", process: { cwd: "/", args: ["sh"] }, root: { path: "rootfs" } };

function failure(load: () => unknown): TsrunError {
  try {
    load();
  } catch (error) {
    if (error instanceof TsrunError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

function message(config: unknown): string {
  const error = failure(() => loadConfig(JSON.stringify(config, null, 2), "config.json"));
  if (error.code !== "E_CONFIG") throw error;
  return error.message;
}

t.test("a good configuration comes back as it is", async (t) => {
  const { spec, warnings } = loadConfig(JSON.stringify(GOOD), "config.json");
  t.strictSame(spec, GOOD);
  t.strictSame(warnings, []);
});

t.test(
  "what is not JSON is told with line and column, what was expected, and how to put it right",
  async (t) => {
    const error = failure(() => loadConfig('{\n  "ociVersion": "1.0.2",\n}', "/b/config.json"));
    t.equal(error.code, "E_CONFIG");
    t.equal(
      error.message,
      'cannot use "/b/config.json": invalid JSON at line 3 column 1: ' +
        'expected a key in double quotes, found "}"',
    );
    t.equal(error.hint, "JSON has no comma after the last entry");
    t.equal(failure(() => loadConfig("", "c")).hint, "the file is empty");
    t.equal(failure(() => loadConfig("{} // end", "c")).hint, "JSON has no comments");
  },
);

t.test("every fault is in one line, in the order of the file, with pointer and place", async (t) => {
  const text = `{
  "ociVersion": "1.2.1",
  "process": {
    "args": "sh",
    "cwd": "home",
    "ioPriority": {"class": "IOPRIO_CLASS_IDL", "priority": 0}
  },
  "root": {"path": "rootfs", "readonly": "yes"},
  "hostname": "x",
  "linux": {
    "namespaces": [{"type": "netwrok"}, {"type": "pid"}, {"type": "pid"}]
  }
}`;
  const error = failure(() => loadConfig(text, "config.json"));
  t.equal(
    error.message,
    'cannot use "config.json": 6 faults: ' +
      '/process/args (line 4 column 5): must be a list, is the string "sh"; ' +
      "/process/cwd (line 5 column 5): Cwd must be an absolute path; " +
      '/process/ioPriority/class (line 6 column 20): unknown word "IOPRIO_CLASS_IDL", ' +
      'did you mean "IOPRIO_CLASS_IDLE"? ' +
      '(allowed: "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"); ' +
      '/root/readonly (line 8 column 30): must be true or false, is the string "yes"; ' +
      '/linux/namespaces/0/type (line 11 column 21): unknown word "netwrok", did you mean "network"? ' +
      '(allowed: "mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"); ' +
      '/linux/namespaces/2 (line 11 column 58): duplicate namespace "pid", see /linux/namespaces/1',
  );
  t.notMatch(error.message, "\n");
});

t.test(
  "a missing member is told at the object it is missing from, or at the key that was misspelt",
  async (t) => {
    t.equal(
      message({ ...GOOD, mounts: [{ source: "x" }] }),
      'cannot use "config.json": /mounts/0/destination (line 13 column 5): missing, and required',
    );
    t.equal(
      message({ ...GOOD, mounts: [{ source: "x", destnation: "/x" }] }),
      'cannot use "config.json": /mounts/0/destination (line 15 column 7): missing, and "destnation" is ' +
        'unknown, did you mean "destination"?',
    );
  },
);

t.test("what runc has words for is told in runc's words", async (t) => {
  const { process, root, ...rest } = GOOD;
  t.match(message({ ...rest, root }), "process property must not be empty");
  t.match(message({ ...rest, root, proces: process }), '"proces" is unknown, did you mean "process"?');
  t.match(message({ ...rest, process }), "root must be specified");
  t.match(message({ ...GOOD, process: { args: ["sh"] } }), "Cwd property must not be empty");
  t.match(message({ ...GOOD, process: { ...process, cwd: "" } }), "Cwd property must not be empty");
  t.match(message({ ...GOOD, process: { ...process, cwd: "x" } }), "Cwd must be an absolute path");
  t.match(message({ ...GOOD, process: { ...process, args: [] } }), "args must not be empty");
  t.match(message({ ...GOOD, process: { cwd: "/" } }), "args must not be empty");
});

t.test("numbers are told as they are written, the largest ones too", async (t) => {
  const rlimit = { type: "RLIMIT_CPU", soft: -1, hard: 2 ** 65 };
  const told = message({ ...GOOD, process: { ...GOOD.process, rlimits: [rlimit] } });
  t.match(told, "/process/rlimits/0/soft (line 11 column 9): must be at least 0, is -1;");
  t.match(told, "must be at most 18446744073709551615, is 36893488147419103232");
  t.match(
    message({ ...GOOD, linux: { devices: [{ type: "p", path: "/x", uid: 1.5 }] } }),
    "must be a whole number, is 1.5",
  );
});

t.test("a pattern is told in words", async (t) => {
  const hugepageLimits = [{ pageSize: "2 MB", limit: 0 }];
  t.match(
    message({ ...GOOD, linux: { resources: { hugepageLimits } } }),
    'must be a size such as "2MB" or "1GB", is the string "2 MB"',
  );
});

t.test("a document of another kind is told in one fault", async (t) => {
  t.equal(
    message([]),
    'cannot use "config.json": the document (line 1 column 1): must be an object, is a list',
  );
  t.equal(
    message(null),
    'cannot use "config.json": the document (line 1 column 1): must be an object, is null',
  );
});

t.test("ociVersion is a version of the major number 1", async (t) => {
  for (const ociVersion of ["1.0.0", "1.0.2-dev", "1.3.0+x", "1.0.0-rc5-dev", "1.99.0"]) {
    t.strictSame(loadConfig(JSON.stringify({ ...GOOD, ociVersion }), "c").spec.ociVersion, ociVersion);
  }
  for (const ociVersion of ["2.0.0", "0.9.0", "1", "1.2", "v1.2.0", "", "banana"]) {
    t.match(
      message({ ...GOOD, ociVersion }),
      `must be a version 1.x.y of the runtime specification, is "${ociVersion}"`,
    );
  }
});

t.test("unknown keys are no faults, whatever they hold", async (t) => {
  const config = {
    ...GOOD,
    com: { example: [1] },
    linux: { made: "up", namespaces: [{ type: "pid", x: null }] },
  };
  t.doesNotThrow(() => loadConfig(JSON.stringify(config), "config.json"));
});

t.test(
  "null stands for absent; numbers beyond 2^53 come exact; a relative destination is made absolute",
  async (t) => {
    const text = `{"ociVersion": "1.0.0", "root": {"path": "r"},
    "mounts": [{"destination": "x", "options": null}],
    "process": {"cwd": "/", "args": ["a"], "env": null, "capabilities": null,
      "rlimits": [{"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 18446744073709551615}]}}`;
    const { spec, warnings } = loadConfig(text, "config.json");
    t.strictSame(spec.process, {
      cwd: "/",
      args: ["a"],
      rlimits: [{ type: "RLIMIT_CORE", soft: 18446744073709551615n, hard: 18446744073709551615n }],
    });
    t.strictSame(spec.mounts, [{ destination: "/x" }]);
    t.strictSame(warnings, [
      { pointer: "/mounts/0/destination", message: 'relative path "x" is deprecated, falling back to "/x"' },
    ]);
    t.strictSame(reloadConfig(text, "config.json"), spec, "the kept text of a checked file reads the same");
  },
);

t.test("a number beyond 64 bits is told, though a JavaScript number cannot tell it apart", async (t) => {
  const text = JSON.stringify({
    ...GOOD,
    process: { ...GOOD.process, rlimits: [{ type: "RLIMIT_CPU", soft: 1, hard: "HARD" }] },
  }).replace('"HARD"', "18446744073709551616");
  t.match(
    failure(() => loadConfig(text, "c")).message,
    /^cannot use "c": \/process\/rlimits\/0\/hard \(.*\): must be at most 1844\d*615, is 1844\d*616$/,
  );
});

t.test("a process file is a document of its own", async (t) => {
  t.strictSame(loadProcess('{"cwd": "/", "args": ["ls"]}', "p.json").document, { cwd: "/", args: ["ls"] });
  const error = failure(() => loadProcess('{"cwd": "x", "user": {"uid": "0"}, "env": ["A"]}', "p.json"));
  t.equal(
    error.message,
    'cannot use "p.json": 4 faults: /args (line 1 column 1): args must not be empty; ' +
      "/cwd (line 1 column 2): Cwd must be an absolute path; " +
      '/user/uid (line 1 column 23): must be a whole number, is the string "0"; ' +
      '/env/0 (line 1 column 44): must be "NAME=value", has no "="',
  );
  t.match(failure(() => loadProcess('{"args": ["ls"]}', "p.json")).message, "Cwd property must not be empty");
});

t.test("resources are a document of their own", async (t) => {
  t.strictSame(loadResources('{"pids": {"limit": -1}, "memory": null}', "-").document, {
    pids: { limit: -1 },
  });
  const error = failure(() => loadResources('{"memory": {"limit": "1G"}, "cpu": {"idle": 2}}', "-"));
  t.equal(
    error.message,
    'cannot use "-": 2 faults: ' +
      '/memory/limit (line 1 column 13): must be a whole number, is the string "1G"; ' +
      "/cpu/idle (line 1 column 37): must be 0 or 1, is 2",
  );
});

// Known differences from runc, each with its reason. docs/spec-conformance.md lists those that users should
// know ("Where tsrun and runc answer differently").

import type { Difference } from "./compare.ts";
import type { Draft } from "./draft.ts";

/** Whether each runtime has made a container. */
export interface Made {
  readonly runc: boolean;
  readonly tsrun: boolean;
}

export interface Rule {
  readonly reason: string;
  /** Removes the difference from a line. */
  readonly alike?: (line: string, key: string, draft: Draft) => string;
  /** Whether a whole difference is of this kind. */
  readonly explains?: (difference: Difference, draft: Draft, made: Made) => boolean;
}

/** The keys of the first command, and of commands that fail because of it. */
const MAKING = /^(create|run|start) answers$/;

const PROPAGATION = /^r?(shared|slave|private|unbindable)$/;

const RECURSIVE = /^r(ro|rw|suid|dev|exec|no\w+|(rel|strict|dir)?atime)$/;

function hasNamespace({ config }: Draft, type: string): boolean {
  return config.linux.namespaces.some((one) => one.type === type);
}

/** Recursive options on a mount that is not a bind mount. */
function hasIdleRecursive({ config }: Draft): boolean {
  return config.mounts.some(
    ({ options = [] }) =>
      options.some((one) => RECURSIVE.test(one)) && !options.some((one) => /^r?bind$/.test(one)),
  );
}

/** The end of a set of signals with at most those two; and that of the empty set. */
const OF_GLIBC = /0000000(0|1)[08]0000000$/;
const NONE = "0000000000000000";

const HOOKS: readonly Rule[] = [
  {
    reason: "hooks have files in memory for their standard streams, which nobody has to read; runc has pipes",
    alike: (line, key) => (/^hook-\w+-\d+ fd [012]$/.test(key) ? "" : line),
  },
  {
    reason:
      "a hook has no descriptors of the runtime or its caller; runc leaves its own open, and the caller's",
    explains: ({ key, tsrun }) => /^hook-\w+-\d+ fd ([3-9]|\d\d)$/.test(key) && String(tsrun) === "(nothing)",
  },
  {
    reason: "prestart hooks read the status created, as of crun and as the OCI suite asks",
    alike: (line, key) =>
      /^hook-prestart-\d+ stdin$/.test(key)
        ? line.replace(/"status":"created"/, '"status":"creating"')
        : line,
  },
  {
    reason: "poststart hooks run in start, once the program does; runc create runs them before there is one",
    alike: (line, key) =>
      /^hook-poststart-\d+ stdin$/.test(key)
        ? line.replace(/"status":"running"/, '"status":"created"')
        : line,
    explains: ({ key, tsrun }, { way }) =>
      /^hook-poststart-\d+ /.test(key) && way === "unstarted" && String(tsrun) === "(nothing)",
  },
  {
    reason: "a creation that fails, for whatever reason, may do so before hooks ran or after",
    explains: ({ key, runc, tsrun }, _, made) =>
      /^hook-/.test(key) && !made.runc && !made.tsrun && [String(runc), String(tsrun)].includes("(nothing)"),
  },
  {
    reason: "no limit is set before the hooks of a creation; runc sets RLIMIT_NOFILE",
    alike: (line, key) =>
      /^hook-createContainer-\d+ rlimit$/.test(key) && line.startsWith("7 ") ? "" : line,
  },
  {
    reason: "start and run fail with 1 when a startContainer hook does; runc's start says 0, its run 255",
    explains: ({ key, tsrun }, { config }) =>
      /^(start|run) answers$/.test(key) &&
      String(tsrun) === "1" &&
      config.hooks?.startContainer !== undefined,
  },
];

const CALLERS: readonly Rule[] = [
  {
    reason: "the state has the version of the specification that the bundle asks for; runc tells its own",
    alike: (line, key) => (/ (says|stdin)$/.test(key) ? line.replace(/"ociVersion":"[^"]*",?/, "") : line),
  },
  {
    reason:
      "no signal is ignored; runc leaves 32 and 33 so, as posix_spawn(3) of older glibc hands them down",
    alike: (line, key) =>
      / status$/.test(key) && line.startsWith("SigIgn") ? line.replace(OF_GLIBC, NONE) : line,
  },
  {
    reason: "exec takes the umask of the process file, as crun; runc never looks at it",
    alike: (line, key) => (/^exec-\d+ status$/.test(key) && line.startsWith("Umask") ? "" : line),
  },
  {
    reason: "runc's exec counts each of --additional-gids twice",
    alike: (line, key) =>
      /^exec-\d+ status$/.test(key) && line.startsWith("Groups")
        ? [...new Set(line.split(/\\x09| /))].join(" ")
        : line,
  },
  {
    reason: 'an empty home directory in /etc/passwd is "/", as for login(1); runc sets HOME to nothing',
    alike: (line, key) => (/ environment$/.test(key) && line === "HOME=" ? "HOME=/" : line),
  },
  {
    reason: "a foreground run or exec hands its own standard streams down; runc copies through pipes",
    alike: (line, key) => (/^(main|exec-\d+|hook-startContainer-\d+) fd [012]$/.test(key) ? "" : line),
  },
  {
    reason: "--preserve-fds of what is not open is refused; runc hands down descriptors of its own",
    explains: ({ key, tsrun }, { flags, steps, caller }) => {
      const step = steps.find(({ name }) => key === `${name} answers`)?.command;
      const words = MAKING.test(key) ? flags.join(" ") : (step ?? "");
      const last = words.includes("--preserve-fds 2") ? "4<" : "exec 3<";
      const isOpen = caller.some((line) => line.includes(last));
      return words.includes("--preserve-fds") && !isOpen && String(tsrun) !== "0";
    },
  },
  {
    reason: "the state root keeps filters in .cache, and how containers ended in .ended",
    alike: (line, key) => (key === "left state" && /^\.(cache|ended)$/.test(line) ? "" : line),
  },
];

const FILES: readonly Rule[] = [
  {
    reason: "the message queues of a user namespace belong to its root's group; runc's to nobody's",
    alike: (line, key, draft) =>
      / tree \/(dev\/mqueue|mnt\/queue)$/.test(key) && hasNamespace(draft, "user")
        ? line.replace(/0:65534/, "0:0")
        : line,
  },
  {
    reason: "a device has the whole mode that is asked for; runc drops what is above 0777",
    alike: (line, key, { config }) =>
      / tree /.test(key) && config.linux.devices?.some(({ fileMode = 0 }) => fileMode > 0o777) === true
        ? line.replace(/^(2|6)4(\d{3}) /, "$10$2 ")
        : line,
  },
  {
    reason: "options for all mounts below (rro, rnodev) count on every mount; runc's on bind mounts only",
    explains: ({ key }, draft) =>
      (/ (tree|mountinfo|access)\b/.test(key) || MAKING.test(key)) && hasIdleRecursive(draft),
  },
  {
    reason: "mount points have 0755 whatever umask the caller has, so that users can enter; runc's follow it",
    alike: (line, key, { caller }) =>
      /tree|left files/.test(key) && caller.some((one) => one.startsWith("umask"))
        ? line.replace(/\b(40|100)[0-7]{3}( \d+:\d+ 0:0 size 0)/, "$1---$2")
        : line,
  },
  {
    reason: "a creation that fails has made other mount points and devices, since their order is another",
    explains: ({ key }, _, made) => key === "left files" && !made.runc && !made.tsrun,
  },
  {
    reason: "without a mount namespace root.readonly and ro count, too",
    explains: ({ key }, draft) => / (tree|access) /.test(key) && !hasNamespace(draft, "mount"),
  },
  {
    reason: "what becomes read-only keeps nosymfollow, and as the root nosuid and nodev; runc clears them",
    alike: (line, key, { config }) => {
      const isCleared = config.root.readonly === true || (config.linux.readonlyPaths ?? []).length > 0;
      if (!isCleared || !/ (tree|mountinfo)\b/.test(key)) return line;
      return line
        .replace(/,(nosuid|nodev|noexec|nosymfollow)(?=[, ])/g, "")
        .replace(/ flags \w+ /, " flags ");
    },
  },
  {
    reason:
      "a tmpfs with tmpcopyup has the propagation that is asked for; runc's takes that of the mount below",
    explains: ({ key }, { config }) =>
      /mountinfo$/.test(key) &&
      config.mounts.some(
        ({ options = [] }) => options.includes("tmpcopyup") && options.some((one) => PROPAGATION.test(one)),
      ),
  },
  {
    reason: "a root that is to be a slave is one, with the volumes on its mount, as with runc from 1.5.2 on",
    alike: (line, key, { config }) =>
      /mountinfo$/.test(key) && /^r?slave$/.test(config.linux.rootfsPropagation ?? "")
        ? line.replace(/\| master [^|]*\|/, "|  |")
        : line,
  },
  {
    reason: "without a mount namespace the mounts of a container go with it; runc leaves them on the host",
    explains: ({ key }, draft) => /^left (mounts|files)$/.test(key) && !hasNamespace(draft, "mount"),
  },
  {
    reason: "exec into a container without a mount namespace enters its root; runc enters the host's",
    explains: ({ key }, draft) => /^exec-\d+ /.test(key) && !hasNamespace(draft, "mount"),
  },
  {
    reason: "without a mount namespace the host's mounts keep their propagation; runc changes it",
    explains: ({ key, tsrun }, draft) =>
      !hasNamespace(draft, "mount") &&
      (/mountinfo$/.test(key) || (MAKING.test(key) && String(tsrun) === "0")),
  },
];

/** Whether it joins a namespace of the runtime's own by a path, and would change the host there. */
function changesHost({ config }: Draft): boolean {
  return config.linux.namespaces.some(
    ({ type, path = "" }) => ["uts", "ipc", "mount"].includes(type) && path.startsWith("/proc/1/ns/"),
  );
}

const MADE: readonly Rule[] = [
  {
    reason: "names and sysctls in a namespace that is the runtime's own are refused; runc changes the host's",
    explains: (_, draft, made) => made.runc && !made.tsrun && changesHost(draft),
  },
  {
    reason:
      "mappings beside a joined user namespace are ignored with a warning; runc refuses others than its own",
    explains: ({ key, tsrun }, { config }) =>
      MAKING.test(key) &&
      String(tsrun) === "0" &&
      config.linux.uidMappings !== undefined &&
      config.linux.namespaces.some(({ type, path }) => type === "user" && path !== undefined),
  },
  {
    reason:
      "a terminal's /dev/console is covered without being opened; runc opens it, which cgroups may forbid",
    explains: ({ key, tsrun }, { config }) =>
      MAKING.test(key) &&
      String(tsrun) === "0" &&
      config.process.terminal === true &&
      config.mounts.some(({ destination, type }) => destination === "/dev" && type === "bind"),
  },
  {
    reason: "the file below a terminal's /dev/console has the mode of a console",
    alike: (line, key) =>
      key === "left files" ? line.replace(/(dev\/console\s)100(600|644)/, "$1100---") : line,
  },
  {
    reason: 'a read-only tmpfs may have a destination with ".."; runc does not find it again',
    explains: ({ key, tsrun }, { config }) =>
      MAKING.test(key) &&
      String(tsrun) === "0" &&
      config.mounts.some(
        ({ type, destination, options = [] }) =>
          type === "tmpfs" && destination.includes("..") && options.includes("ro"),
      ),
  },
  {
    reason: "no /proc is needed in the container; runc fails without",
    explains: ({ key, tsrun }, { config }) =>
      MAKING.test(key) &&
      String(tsrun) === "0" &&
      !config.mounts.some(({ destination }) => destination === "/proc"),
  },
  {
    reason:
      'the mount option "defaults" says nothing, as to crun; runc hands it to file systems, which refuse it',
    explains: ({ key, tsrun }, { config }) =>
      MAKING.test(key) &&
      String(tsrun) === "0" &&
      config.mounts.some(({ options }) => options?.includes("defaults") === true),
  },
  {
    reason:
      "a seccomp profile does not concern what comes before the program; runc's init has to get by with it",
    explains: ({ key, runc, tsrun }, { config }) => {
      if (config.linux.seccomp === undefined) return false;
      // 159: the program itself makes the call for which its profile kills it (SIGSYS).
      if (/ answers$/.test(key)) return String(runc) !== "0" && ["0", "159"].includes(String(tsrun));
      // It has ended before it was started.
      return / says$/.test(key) && runc.every((line) => /\s0 processes$|"status":"stopped"/.test(line));
    },
  },
];

export const RULES: readonly Rule[] = [...HOOKS, ...CALLERS, ...FILES, ...MADE];

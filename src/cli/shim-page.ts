// The manual page of tsrun as containerd's shim. Pure. Called by man.ts.

export const SHIM = "containerd-shim-tsrun-v2";

/** Paragraphs are separated by an empty line; indented lines are examples. */
export const SHIM_DESCRIPTION = `tsrun as containerd's shim: a process that looks after one
container, or all containers of a pod, passes on what they print, and tells containerd when they end. It is
the program tsrun under another name, and runtime type io.containerd.tsrun.v2 of containerd 1.6 to 2.
containerd starts it; nobody else needs to.

With ctr:

    ctr run --rm --runtime io.containerd.tsrun.v2 docker.io/library/busybox:latest box echo hello

With Docker, in /etc/docker/daemon.json:

    { "runtimes": { "tsrun": { "runtimeType": "io.containerd.tsrun.v2" } } }

With Kubernetes, in /etc/containerd/config.toml of containerd 2:

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.tsrun]
      runtime_type = "io.containerd.runc.v2"
      runtime_path = "/usr/local/bin/containerd-shim-tsrun-v2"

By the name of containerd's own shim, containerd-shim-runc-v2, it takes the place of that.`;

/** Flags and actions, as containerd gives them. */
export const SHIM_WORDS: readonly (readonly [string, string])[] = [
  [
    "start",
    "Starts a shim for the bundle in the working directory, or finds its pod's, and prints the address.",
  ],
  ["delete", "Removes what a shim that has died has left: of its container, and of the others of its pod."],
  ["-namespace name", "containerd's namespace."],
  ["-id id", "The container."],
  ["-address path", "containerd's socket. The shim listens beside it, in the directory s."],
  ["-bundle path", "The bundle; without it, the working directory."],
  ["-debug", "Accepted, as by other shims."],
  [
    "-info",
    "Prints what the shim and the runtime can do, as the message RuntimeInfo. Options are read from stdin.",
  ],
  ["-v", "Prints the version."],
];

export const SHIM_OPTIONS = `These options of containerd's own shim are understood: Root, SystemdCgroup,
ShimCgroup, NoPivotRoot, NoNewKeyring, IoUid, IoGid and CriuWorkPath. BinaryName means nothing: the shim
runs itself; in the place of containerd's own shim it refuses the name of any other program. They come as
containerd.runc.v1.Options, or as a table of TOML: in containerd's configuration, or in a file that ctr run
--runtime-config-path or Docker's "options": {"ConfigPath": "/etc/tsrun.toml"} names. A path of cgroups such
as system.slice:docker:ID means SystemdCgroup.`;

export const SHIM_FILES: readonly (readonly [string, string])[] = [
  [
    "/run/containerd/tsrun/NAMESPACE",
    "State of the containers, as of tsrun --root. The option Root names another place.",
  ],
  [
    "shim.pid, address, init.pid, options.json",
    "In the bundle: the shim, where it listens, the first process, and the options.",
  ],
];

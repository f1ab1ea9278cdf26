// The description of the program, for its help and its manual page. Pure.

/** `$0` stands for the program's name. */
const TEXT = `
$0 runs containers from bundles: directories with a configuration named config.json and the root
file system of the container, as the Open Container Initiative's runtime specification describes
them. Container engines call it; so can you:

    # $0 run [ -b bundle ] <container-id>

"<container-id>" is your name for the container; it must be unique on this host. The bundle is the
current directory unless -b names another. "$0 spec" writes a configuration to begin with.
`;

export function programDescription(program: string): string {
  return TEXT.trim().replaceAll("$0", program);
}

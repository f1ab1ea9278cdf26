// Completion for fish: one line for each word that can be completed. Pure.

import type { Words } from "../options.ts";
import type { Completable, CompletableOption, Completion } from "./table.ts";

export function fishScript({ program, globals, commands }: Completion): string {
  const names = commands.map(({ name }) => name).join(" ");
  const first = `__fish_use_subcommand`;
  return `# Completion of ${program} for fish, made by: ${program} completion fish

function __${program}_containers
    set -l root
    set -l words (commandline -opc)
    for index in (seq (count $words))
        switch $words[$index]
            case --root -root
                set root --root $words[(math $index + 1)]
            case '--root=*' '-root=*'
                set root $words[$index]
        end
    end
    ${program} $root list --quiet 2>/dev/null
end

# How many arguments stand behind the command: what is no option.
function __${program}_arguments
    set -l words (commandline -opc)
    set -l rest
    set -l seen
    for word in $words[2..-1]
        if contains -- $word ${names}
            set seen yes
        else if test -n "$seen"; and not string match -q -- '-*' $word
            set -a rest $word
        end
    end
    test (count $rest) -eq $argv[1]
end

complete -c ${program} -f
${globals.map((option) => optionLine(program, first, option)).join("\n")}
${commands.map((command) => commandLine(program, first, command)).join("\n")}
${commands.flatMap((command) => commandLines(program, command, names)).join("\n")}
`;
}

function commandLine(program: string, when: string, { name, describe }: Completable): string {
  return `complete -c ${program} -n ${when} -a ${name} -d ${quoted(describe)}`;
}

function commandLines(program: string, { name, options, args }: Completable, names: string): string[] {
  const seen = `__fish_seen_subcommand_from ${name}`;
  return [
    ...options.map((option) => optionLine(program, quoted(seen), option)),
    ...args.map((words, index) => {
      const when = quoted(`${seen}; and __${program}_arguments ${index}`);
      return `complete -c ${program} -n ${when} ${proposals(program, words, names)}`;
    }),
  ];
}

function optionLine(program: string, when: string, { names, describe, value }: CompletableOption): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const wants =
    value === undefined ? "" : value === "anything" ? " -x" : ` -r ${proposals(program, value, "")}`;
  return `complete -c ${program} -n ${when} ${flags.join(" ")}${wants} -d ${quoted(describe)}`;
}

function proposals(program: string, words: Words, names: string): string {
  if (typeof words !== "string") return `-a ${quoted(words.join(" "))}`;
  switch (words) {
    case "file":
      return "-F";
    case "directory":
      return "-a '(__fish_complete_directories (commandline -ct))'";
    case "container":
      return `-a '(__${program}_containers)'`;
    case "container or bundle":
      return `-a '(__${program}_containers) (__fish_complete_directories (commandline -ct))'`;
    case "command":
      return `-a ${quoted(names)}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

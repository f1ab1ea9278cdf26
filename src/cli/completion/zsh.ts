// Completion for zsh, by its own _arguments, which shows what each option does. Pure.

import type { Words } from "../options.ts";
import type { Completable, CompletableOption, Completion } from "./table.ts";

export function zshScript({ program, globals, commands }: Completion): string {
  const name = `_${program}`;
  const list = commands.map((command) => `    ${quoted(`${command.name}:${command.describe}`)}`);
  return `#compdef ${program}
# Completion of ${program} for zsh, made by: ${program} completion zsh

${name}_containers() {
  local -a ids root
  (( \${+opt_args[--root]} )) && root=(--root \${opt_args[--root]})
  ids=(\${(f)"$(_call_program containers ${program} $root list --quiet 2>/dev/null)"})
  compadd -a ids
}

${name}_subjects() {
  _alternative 'containers:container:${name}_containers' 'bundles:bundle:_directories'
}

${name}_commands() {
  local -a commands
  commands=(
${list.join("\n")}
  )
  _describe -t commands command commands
}

${name}() {
  local curcontext=$curcontext state line ret=1
  typeset -A opt_args
  _arguments -C \\
${globals
  .flatMap((option) => specs(name, option))
  .map((spec) => `    ${spec} \\`)
  .join("\n")}
    '1:command:${name}_commands' \\
    '*::argument:->arguments' && ret=0
  [[ $state == arguments ]] || return ret
  case $words[1] in
${commands.map((command) => commandCase(name, command)).join("\n")}
  esac
  return ret
}

if [[ $funcstack[1] == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

function commandCase(prefix: string, { name, options, args, stops }: Completable): string {
  const lines = [
    ...options.flatMap((option) => specs(prefix, option)),
    ...args.map((words, index) => quoted(`${index + 1}:${label(words)}:${action(prefix, words)}`)),
  ];
  return `    ${name})
      _arguments ${[stops ? '-A "-*"' : "", ...lines].join(" \\\n        ").trimStart()} && ret=0
      ;;`;
}

/** One for each name: `--bundle=[what it does]:directory:_directories`. */
function specs(prefix: string, { names, describe, value, repeats }: CompletableOption): string[] {
  const others = repeats ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
  const text = describe.replaceAll(/[[\]\\:]/g, "\\$&");
  return names.map((name) => {
    if (value === undefined) return quoted(`${others}${name}[${text}]`);
    const sign = name.startsWith("--") ? "=" : "+";
    return quoted(`${others}${name}${sign}[${text}]:${label(value)}:${action(prefix, value)}`);
  });
}

function label(words: Words | "anything"): string {
  if (typeof words !== "string") return "word";
  return words === "anything" ? "value" : words;
}

function action(prefix: string, words: Words | "anything"): string {
  if (typeof words !== "string") return `(${words.join(" ")})`;
  const actions = {
    file: "_files",
    directory: "_directories",
    container: `${prefix}_containers`,
    "container or bundle": `${prefix}_subjects`,
    command: `${prefix}_commands`,
    anything: " ",
  };
  return actions[words];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Completion for bash. The script needs only bash: it parses the words before the cursor as src/cli/parse.ts
// does. Pure.

import type { Words } from "../options.ts";
import type { Completable, CompletableOption, Completion } from "./table.ts";

export function bashScript({ program, globals, commands }: Completion): string {
  const name = `_${program}`;
  const names = commands.map((command) => command.name).join(" ");
  return `# Completion of ${program} for bash, made by: ${program} completion bash

# What stands for a kind of words; nothing is called before it is asked for.
${name}_words() {
  case $1 in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    container)
      ids=$("\${COMP_WORDS[0]}" "\${root[@]}" list --quiet 2>/dev/null)
      mapfile -t COMPREPLY < <(compgen -W "$ids" -- "$current")
      ;;
    "container or bundle")
      ids=$("\${COMP_WORDS[0]}" "\${root[@]}" list --quiet 2>/dev/null)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -W "$ids" -d -- "$current")
      ;;
    command) mapfile -t COMPREPLY < <(compgen -W "${names}" -- "$current") ;;
    anything) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current") ;;
  esac
}

# The value that an option of a command has; none when it is a switch.
${name}_value() {
  value=
  case "$1 $2" in
${valueCases({ globals, commands }).join("\n")}
  esac
}

${name}() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} command= option= value= word index ids arguments=0
  local -a root=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    # The shell has cut --option=value into three words.
    if [[ -n $option ]]; then
      [[ $word == = ]] && continue
      [[ $option == root ]] && root=(--root "$word")
      option=
    elif [[ $word == -?*=* ]]; then
      continue
    elif [[ $word == -?* ]]; then
      word=\${word#-} word=\${word#-}
      ${name}_value "$command" "$word"
      [[ -n $value ]] && option=$word
    elif [[ -z $command ]]; then
      command=$word
    else
      ((++arguments))
    fi
  done
  [[ $current == = ]] && current=
  case $command in ${stopping(commands)}) ((arguments > 0)) && [[ $current == -* ]] && return ;; esac
  if [[ -n $option ]]; then
    ${name}_value "$command" "$option"
    ${name}_words "$value"
    return
  fi
  case $command in
    "")
      if [[ $current == -* ]]; then ${name}_words "${longNames(globals)}"; else ${name}_words command; fi
      ;;
${commands.map((command) => commandCase(name, command)).join("\n")}
  esac
}

complete -F ${name} ${program}
`;
}

function commandCase(prefix: string, { name, options, args }: Completable): string {
  const positions = args.map((words, index) => `${index}) ${prefix}_words "${wordsText(words)}" ;;`);
  const proposed = positions.length === 0 ? ":" : `case $arguments in ${positions.join(" ")} esac`;
  return `    ${name})
      if [[ $current == -* ]]; then ${prefix}_words "${longNames(options)}"; else ${proposed}; fi
      ;;`;
}

/** A command's own options and the global ones; an own switch may hide a global option with a value. */
function valueCases({ globals, commands }: Pick<Completion, "globals" | "commands">): string[] {
  const hidden = (of: CompletableOption) =>
    globals.some(({ names, value }) => {
      return value !== undefined && names[0] === of.names[0];
    });
  const own = commands.flatMap(({ name, own: options }) =>
    options
      .filter((option) => option.value !== undefined || hidden(option))
      .map((option) => valueCase(name, option)),
  );
  return [
    ...own,
    ...globals.filter(({ value }) => value !== undefined).map((option) => valueCase("*", option)),
  ];
}

function valueCase(command: string, { names, value }: CompletableOption): string {
  const bare = names.map((name) => name.replace(/^--?/, ""));
  const patterns = bare.map((name) => (command === "*" ? `*" ${name}"` : `"${command} ${name}"`));
  return `    ${patterns.join(" | ")}) value="${value === undefined ? "" : wordsText(value)}" ;;`;
}

function wordsText(words: Words | "anything"): string {
  return typeof words === "string" ? words : words.join(" ");
}

function longNames(options: readonly CompletableOption[]): string {
  return options.map(({ names: [long] }) => long).join(" ");
}

/** The commands whose options end at the first argument. */
function stopping(commands: readonly Completable[]): string {
  return commands
    .filter(({ stops }) => stops)
    .map(({ name }) => name)
    .join(" | ");
}

import type { Shell } from "../completion-program.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

// Each script asks `tocha __complete WORD...` (complete.ts), of the program that the line begins with. The time limit is there
// for a machine that hangs; the command has a shorter one of its own.

const bash = `# Completion of tocha for bash. Made by: tocha completion bash
_tocha() {
  local word about
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do
    case $word in
      :file | :directory)
        compopt -o filenames
        local path action=-f
        [ "$word" = :directory ] && action=-d
        while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$action" -- "$2")
        ;;
      *[=.[]) compopt -o nospace && COMPREPLY+=("$word") ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <(timeout 2 "$1" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tocha tocha
`;

const zsh = `#compdef tocha
# Completion of tocha for zsh. Made by: tocha completion zsh
_tocha() {
  local line
  local -a candidates further
  for line in "\${(@f)$(timeout 2 "$words[1]" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :file) _files ;;
      :directory) _files -/ ;;
      *[.[]$'\\t'*) further+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      *) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  # What ends in a dot or a bracket goes on: no blank comes behind it.
  (( $#candidates + $#further )) && _describe tocha candidates -- further -S ''
}
if [ "$funcstack[1]" = _tocha ]; then _tocha "$@"; else compdef _tocha tocha; fi
`;

const fish = `# Completion of tocha for fish. Made by: tocha completion fish
function __tocha_complete
  set -l before (commandline --tokenize --cut-at-cursor --current-process)
  set -l word (commandline --current-token --cut-at-cursor)
  set -l plain (string unescape -- "$word"; or echo "$word")
  for line in (timeout 2 $before[1] __complete $before[2..-1] "$plain" 2>/dev/null)
    switch $line
      case :file
        __fish_complete_path "$word"
      case :directory
        __fish_complete_directories "$word"
      case '*'
        echo $line
    end
  end
end
complete --command tocha --no-files --arguments '(__tocha_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };

export function showCompletion(shell: Shell): ExitStatus {
  process.stdout.write(scripts[shell]);
  return exitStatus.ok;
}

import { Argument, Command } from "commander";
import { exits } from "./command-options.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** `tocha completion`: what can be said, and the help. */
export function completionCommand(): Command {
  return new Command("completion")
    .description("print the completion of command lines for a shell, to be sourced by it")
    .addArgument(new Argument("<shell>", "which shell").choices([...shells]))
    .addHelpText(
      "after",
      `
Completes commands, options and their values; names of nodes, groups, revisions, users, tokens, labs and changes of
role come from the node that the command would ask. One that does not answer costs two seconds at most, and nothing is
printed into the line. tocha config set and unset complete paths of the file, one step at a time.

Examples:
  source <(tocha completion bash)                                        this shell; in ~/.bashrc: every one
  tocha completion bash > /usr/share/bash-completion/completions/tocha   everybody, with bash-completion
  tocha completion zsh > "\${fpath[1]}/_tocha"                            zsh, from the next shell on
  tocha completion fish > ~/.config/fish/completions/tocha.fish          fish`,
    )
    .action(
      exits(async (shell: Shell) => {
        const { showCompletion } = await import("./commands/completion.ts");
        return showCompletion(shell);
      }),
    );
}

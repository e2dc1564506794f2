import { createInterface } from "node:readline/promises";
import { ProblemError } from "../../base/problem.ts";

/** Somebody who answers questions: a person at a terminal, or nobody, and then every proposal is taken. */
export interface Answers {
  /** @returns what was answered, or the proposal */
  ask(question: string, proposal: string): Promise<string>;
  close(): void;
}

export const proposalsTaken: Answers = {
  ask: async (_question, proposal) => proposal,
  close: () => {},
};

/** Asks at the terminal. The end of the input (Ctrl-D, Ctrl-C) is an answer, too: nothing shall be done. */
export function askAtTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Answers {
  const terminal = createInterface({ input, output });
  const ended = new Promise<never>((_resolve, reject) => {
    terminal.once("close", () =>
      reject(
        new ProblemError({
          code: "not-answered",
          message: "a question was not answered: nothing was written",
          hint: "Start again, or take the proposals with --yes.",
        }),
      ),
    );
  });
  // It is awaited only while a question is open.
  ended.catch(() => {});
  return {
    ask: async (question, proposal) => {
      const shown = proposal === "" ? "" : ` [${proposal}]`;
      const answer = await Promise.race([terminal.question(`${question}${shown}: `), ended]);
      return answer.trim() === "" ? proposal : answer.trim();
    },
    close: () => terminal.close(),
  };
}

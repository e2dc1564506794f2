import type { NftToken } from "./nftables-tokens.ts";

/** Definitions that use each other may double from line to line: so many words come out of them, all in all. */
const WORDS_MAX = 1_000_000;

/** What `define` gives names to. */
export class NftDefinitions {
  readonly #known = new Map<string, readonly NftToken[]>();
  #left = WORDS_MAX;

  define(name: string, words: readonly NftToken[]): void {
    this.#known.set(name, this.resolve(words));
  }

  /** The words with what `$NAME` stands for in its place; a name that is not known stays. */
  resolve(words: readonly NftToken[]): readonly NftToken[] {
    if (!words.some((word) => usesDefinition(word))) return words;
    return words.flatMap((word): readonly NftToken[] => {
      if (word.elements === undefined) return this.#of(word) ?? [word];
      return [{ ...word, elements: word.elements.flatMap((element) => this.#element(element)) }];
    });
  }

  /** An element that stands for a set is that set's elements. */
  #element(element: readonly NftToken[]): readonly (readonly NftToken[])[] {
    const [only, ...others] = element;
    const definition = only === undefined || others.length > 0 ? undefined : this.#of(only);
    const [first, ...more] = definition ?? [];
    if (first?.elements !== undefined && more.length === 0) return first.elements;
    return [definition ?? this.resolve(element)];
  }

  #of(word: NftToken): readonly NftToken[] | undefined {
    const definition =
      word.text.startsWith("$") && !word.isQuoted ? this.#known.get(word.text.slice(1)) : undefined;
    if (definition === undefined) return undefined;
    this.#left -= definition.reduce((sum, one) => sum + 1 + (one.elements?.length ?? 0), 0);
    return this.#left < 0 ? undefined : definition;
  }
}

function usesDefinition({ text, isQuoted, elements }: NftToken): boolean {
  if (elements !== undefined) return elements.some((element) => element.some((one) => usesDefinition(one)));
  return !isQuoted && text.startsWith("$");
}

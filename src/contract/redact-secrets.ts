/** What stands where a secret stood. */
export const REMOVED = "[removed]";

/** Shorter words are too common: taking them out would only make the text unreadable. */
const KNOWN_LENGTH_MIN = 6;

const secretName =
  "(?:password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|auth[-_]?pass|credentials?)";

// Each pattern keeps its first group, and what it leaves says that something was there.
const patterns: readonly RegExp[] = [
  /(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)[\s\S]*?(?=-----END|$)/g,
  // Keys of a cluster are 64 hexadecimal digits, and so are many others.
  /()(?<![0-9A-Fa-f:])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])/g,
  /([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+:[^\s/@"']+(?=@)/gi,
  // A token stands alone before the host; over ssh it is only a user's name.
  /(https?:\/\/)[^\s/@"']+(?=@)/gi,
  /(\b(?:proxy-)?authorization\b["']?\s*[:=]\s*["']?)[^\s"',;]+(?:\s+[^\s"',;]+)?/gi,
  /(\bbearer\s+)[^\s"',;]{6,}/gi,
  // As in `token: x`, `"token": "x"`, `--token=x`, `TOKEN=x` and `auth_pass x`.
  new RegExp(
    `(\\b[\\w-]*${secretName}["']?\\s*[:=]\\s*)(?:"(?:[^"\\\\\\n]|\\\\.)*"|'[^'\\n]*'|[^\\s"',;}\\]]+)`,
    "gi",
  ),
  new RegExp(`(--?[\\w-]*${secretName}["']?,?\\s+["']?)[^\\s"',;}\\]]+`, "gi"),
  /(\bauth_pass\s+)\S+/gi,
];

/**
 * Takes out of a text what is a secret by its looks, and every one that is known.
 *
 * @param known secrets as they are: the contents of key files, for example
 * @returns the text, and how many were taken out
 */
export function redactSecrets(
  text: string,
  known: readonly string[] = [],
): { readonly text: string; readonly removed: number } {
  let removed = 0;
  let result = text;
  // The longest first: one may be a part of another. In JSON a secret is written otherwise.
  const all = known
    .map((secret) => secret.trim())
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= KNOWN_LENGTH_MIN)
    .sort((a, b) => b.length - a.length);
  for (const secret of new Set(all)) {
    const parts = result.split(secret);
    removed += parts.length - 1;
    result = parts.join(REMOVED);
  }
  for (const pattern of patterns) {
    result = result.replace(pattern, (match: string, kept: string) => {
      const secret = match.slice(kept.length);
      const quote = /^["']/.exec(secret)?.[0] ?? "";
      const bare = secret.replace(/^["']|["']$/g, "");
      if (bare === "" || bare.startsWith(REMOVED) || REMOVED.startsWith(bare)) return match;
      removed += 1;
      // With its quotes, so that JSON stays JSON.
      return `${kept}${quote}${REMOVED}${quote}`;
    });
  }
  return { text: result, removed };
}

/**
 * What nft complains about, in one line: the first error with the line of the script that it is about, and how many others there are.
 * nft writes each as `PLACE: Error: REASON`, that line, and carets under what is wrong; what is not written so is joined as it is.
 */
export function nftComplaint(standardError: string): string {
  const lines = standardError.split("\n").map((line) => line.trim());
  const places = lines.flatMap((line, index) => (line.includes("Error: ") ? [index] : []));
  const [first, ...others] = places;
  if (first === undefined) return lines.filter((line) => line !== "").join(" ");
  const reason = (lines[first] ?? "").replace(/^.*?Error: /, "");
  const about = lines[first + 1] ?? "";
  const isAbout = about !== "" && first + 1 !== others[0] && !/^[~^]/.test(about);
  const more =
    others.length === 0
      ? ""
      : ` (and ${others.length === 1 ? "another error" : `${others.length} other errors`})`;
  return `${reason}${isAbout ? `, in: ${about.slice(0, 300)}` : ""}${more}`;
}

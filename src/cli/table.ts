/** A cell may have several lines; numbers stand to the right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

export type Cell = readonly string[];

/** Lines of a table as wide as its content, two blanks between columns. `paint` colours a finished cell line. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  paint: (text: string, row: number, column: number) => string = (text) => text,
): string[] {
  const widths = columns.map(({ title }, column) => {
    return Math.max(title.length, ...rows.flatMap((row) => (row[column] ?? []).map((line) => line.length)));
  });
  const line = (texts: readonly string[], row: number): string => {
    const cells = texts.map((text, column) => {
      const padding = " ".repeat((widths[column] ?? 0) - text.length);
      const painted = text === "" ? "" : paint(text, row, column);
      if (columns[column]?.right === true) return padding + painted;
      return column === texts.length - 1 ? painted : painted + padding;
    });
    return cells.join("  ").trimEnd();
  };
  const body = rows.flatMap((row, index) => {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    return Array.from({ length: height }, (_, at) =>
      line(
        columns.map((_column, column) => row[column]?.[at] ?? ""),
        index,
      ),
    );
  });
  return [
    line(
      columns.map(({ title }) => title),
      -1,
    ),
    ...body,
  ];
}

/** The number as it is dialled: without what people write between digits. Empty if it can't be one. */
export function dialable(typed: string): string {
    const number = typed.trim().replace(/^tel:/i, "").replaceAll(/[\s()./-]/g, "");
    return /^\+?[0-9A-Za-z*#_]+$/.test(number) ? number : "";
}

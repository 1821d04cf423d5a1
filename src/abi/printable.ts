// Text that a program has made (names, paths), shown to a person: a terminal must not act on what is in it.

const hex = (c: string): string => (c.codePointAt(0) ?? 0).toString(16);

/** Control characters, C1 and DEL too, as \x1b; line ends and tabs stay. */
export const printable = (text: string): string =>
  text.replace(/(?![\n\t])\p{Cc}/gu, (c) => `\\x${hex(c).padStart(2, '0')}`);

/** JSON text without any: JSON.stringify escapes those below space only. */
export const printableJson = (json: string): string =>
  json.replace(/(?!\n)\p{Cc}/gu, (c) => `\\u${hex(c).padStart(4, '0')}`);

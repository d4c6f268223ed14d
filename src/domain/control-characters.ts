/**
 * Unicode's control characters (Cc), for the inside of a character class. By their numbers, for these patterns stand in
 * the OpenAPI document, and not every dialect in which they are read there knows `\p{Cc}`.
 */
export const CONTROL_CHARACTERS = String.raw`\u0000-\u001f\u007f-\u009f`;

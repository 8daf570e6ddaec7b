/** The file name that means standard output. */
export const STDOUT = "-";

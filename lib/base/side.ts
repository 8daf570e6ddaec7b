/** One of the two ends of a connection through balance; of bytes, the one who sent them. */
export type Side = "client" | "backend";

/** How the input from one side ended: orderly (FIN), or torn down (RST, any read error). */
export type Ending = "end" | "reset";

/** The two sides of balance. Of bytes, the side that sent them. */
export type Side = "client" | "backend";

/** The side across from a side. */
export function otherSide(side: Side): Side {
  return side === "client" ? "backend" : "client";
}

/** How the input from one side ended: orderly (FIN), or torn down (RST or any read error). */
export type Ending = "end" | "reset";

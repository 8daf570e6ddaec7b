import { talk } from "../net/control_socket.ts";

/**
 * The channels as `show` prints them, without free slots.
 *
 * @param socket Path of the control socket.
 * @returns For example `0.0 ENA 127.80.0.1:80, 0.1 DWN -:80`.
 */
export async function channelsOf(socket: string): Promise<string> {
  const rows = (await talk(socket, "show\n")).trim().split("\n").slice(1);
  return rows.map((row) => row.trim().split(/\s+/)).filter(([, , , state]) => state !== "---")
    .map(([group, , channel, state, address, port]) =>
      `${group}.${channel} ${state} ${address}:${port}`
    ).join(", ");
}

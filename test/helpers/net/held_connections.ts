import { type Client, connect, readExactly } from "./client.ts";

/** Opens a connection to an echo backend, and waits until it has echoed a byte. */
export async function heldConnection(port: number): Promise<Client> {
  const client = await connect(port);
  try {
    await echoes(client);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Asserts that a connection to an echo backend is open. */
export async function echoes(client: Client): Promise<void> {
  await client.send("x");
  await readExactly(client, 1);
}

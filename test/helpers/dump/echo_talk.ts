import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { randomBytes, sha256 } from "../bytes.ts";
import { type Client, connect, readExactly, readToEnd } from "../net/client.ts";
import { later, until, within } from "../t.ts";
import type { Conversation } from "./pcapng_conversations.ts";

/** A connection that sends data to an echo backend until it is stopped, and checks every byte. */
export class EchoTalk implements AsyncDisposable {
  readonly #client: Client;
  readonly #done: Promise<void>;
  #stopped = false;

  private constructor(client: Client, readonly seed: number) {
    this.#client = client;
    this.#done = later(this.#run());
  }

  /** Connects, and waits for the first round: then the connection is open on both sides. */
  static async start(port: number, options: { seed: number; from?: string }): Promise<EchoTalk> {
    const { seed, from } = options;
    const talk = new EchoTalk(await connect(port, from === undefined ? {} : { from }), seed);
    await talk.more(1);
    return talk;
  }

  /** The bytes of a round. */
  round(number: number): Uint8Array<ArrayBuffer> {
    return randomBytes(1 + (number * 997 + this.seed) % 5000, this.seed * 100_003 + number);
  }

  /** The bytes of the first rounds. */
  sentIn(rounds: number): Uint8Array {
    return joinBytes(Array.from({ length: rounds }, (_, i) => this.round(i)));
  }

  /** Complete rounds so far. */
  rounds = 0;

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const bytes = this.round(this.rounds);
      await this.#client.send(bytes);
      assertEquals(await readExactly(this.#client, bytes.length), bytes);
      this.rounds++;
    }
    await this.#client.closeWrite();
    await readToEnd(this.#client);
  }

  /** Waits for more rounds. */
  async more(rounds: number): Promise<void> {
    const target = this.rounds + rounds;
    await until(() => this.rounds >= target, { timeoutMs: 20_000, what: `${rounds} rounds` });
  }

  /** Ends the connection in order. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await within(this.#done, { timeoutMs: 10_000, what: "the talk to end" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#client.close();
    await this.#done.catch(() => {});
  }
}

/** Asserts that a dump that was on for a part of a talk has exactly that part. */
export function assertPart(conversation: Conversation, talk: EchoTalk): void {
  const { sent, rcvd, missing, comments } = conversation;
  assertEquals(missing, 0);
  const starts = comments.map((comment) =>
    /after (\d+) bytes from the client, (\d+) from the backend$/.exec(comment)
  ).find((found) => found !== null);
  assert(starts, comments.join("; "));
  const [client, backend] = [Number(starts[1]), Number(starts[2])];
  const all = talk.sentIn(talk.rounds + 1);
  assert(sent.length > 0 && rcvd.length > 0);
  // A chunk may be on its way when the dump starts: dumped or counted already.
  for (const [part, at] of [[sent, client], [rcvd, backend]] as const) {
    const rounds = Array.from({ length: talk.rounds + 1 }, (_, i) => talk.sentIn(i).length);
    const found = [at, ...rounds.filter((start) => Math.abs(start - at) <= 5000)].some((start) =>
      sha256(all.subarray(start, start + part.length)) === sha256(part)
    );
    assert(found, `${part.length} bytes at ${at}`);
  }
}

/**
 * The numbers that the system gives to the sockets of this process at an address, see steering.ts:
 * those of other programs there come first.
 *
 * @typeParam Owner What has a socket.
 */
export class SocketOrder<Owner> {
  #owners: Owner[] = [];

  /** The owner of the socket with the highest number. */
  get last(): Owner | undefined {
    return this.#owners.at(-1);
  }

  /** A socket began to listen. */
  joined(owner: Owner): void {
    this.#owners.push(owner);
  }

  /** A socket was closed: the last one has its number. */
  left(owner: Owner): void {
    const index = this.#owners.indexOf(owner), last = this.#owners.pop();
    if (index < 0 && last !== undefined) this.#owners.push(last);
    else if (index < this.#owners.length) this.#owners[index] = last!;
  }

  /** All sockets before them were closed, each time the one with the highest number. */
  othersLeft(count: number): void {
    const { length } = this.#owners, moved = length === 0 ? 0 : count % length;
    if (moved > 0) this.#owners = [...this.#owners.slice(-moved), ...this.#owners.slice(0, -moved)];
  }
}

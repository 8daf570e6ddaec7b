import { assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { AddressError } from "../../../lib/base/errors.ts";
import { fakeHealth } from "./fake_health.ts";
import type { HealthControl } from "../../../lib/check/check_status.ts";
import { type ControlContext, type Reply, runLine } from "../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../lib/control/commands/commands.ts";
import type { ChannelNames } from "../../../lib/table/channel_names.ts";
import { showRow } from "../../../lib/table/show.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { controlContext } from "./control_context.ts";

const LOCAL = new Uint8Array([127, 0, 0, 1]);

/** A control session on a table with `n` channels in group 0 and one in group 1. */
export class CommandSession {
  readonly table: Table = newTable({ groups: 4, channels: 4, workers: 1 });
  readonly #context: ControlContext;
  #session = { group: 0 };
  /** Called while a host is being resolved. */
  meanwhile: () => void = () => {};

  constructor(n = 2, health: HealthControl = fakeHealth()) {
    for (let i = 0; i < n; i++) this.table.add(0, { address: LOCAL, port: 8000 + i });
    this.table.add(1, { address: LOCAL, port: 9000 });
    const context = controlContext(this.table, async (host) => {
      await Promise.resolve();
      this.meanwhile();
      const address = host === "web" ? LOCAL : parseIp(host);
      if (address === undefined) throw new AddressError(host);
      return address;
    });
    this.#context = { ...context, health };
  }

  get names(): ChannelNames {
    return this.#context.names;
  }

  get group(): number {
    return this.#session.group;
  }

  async type(line: string): Promise<Reply> {
    const at = { context: this.#context, session: this.#session };
    const reply = await runLine(COMMANDS, line, at);
    this.#session = reply.session ?? this.#session;
    return reply;
  }

  /** Asserts the text of each reply; a leading `!` means that the command fails. */
  async expect(dialogue: Readonly<Record<string, string>>): Promise<void> {
    for (const [line, expected] of Object.entries(dialogue)) {
      const { text, failed } = await this.type(line);
      const wanted = expected.replace(/^!/, "");
      assertEquals(text, wanted === "" ? "" : `${wanted}\n`, line);
      assertEquals(failed ?? false, expected.startsWith("!"), line);
    }
  }

  /** A row of `show`. */
  row(channel: number, group = 0): string {
    return showRow(this.table.row(group, channel));
  }
}

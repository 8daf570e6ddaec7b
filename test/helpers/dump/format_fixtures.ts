/** One connection before and after a channel answered, and the output of a format. */

import { joinBytes } from "../../../lib/base/bytes.ts";
import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import type { DumpFormat } from "../../../lib/dump/formats/format.ts";
import { START } from "./generated_traffic.ts";

/** Connection 17 before and after a channel answered. */
export const accepted: ConnectionRoute = {
  id: 17,
  client: { address: "10.0.0.1", port: 40001 },
  listener: { address: "10.0.0.2", port: 6379 },
};

export const answered: ConnectionRoute = {
  ...accepted,
  group: 0,
  channel: 1,
  local: { address: "2001:db8::1", port: 50000 },
  backend: { address: "2001:db8::2", port: 6380 },
};

/** The output of a format for a story, including the header. */
export function record(
  format: DumpFormat,
  story: (format: DumpFormat) => Uint8Array[],
): Uint8Array {
  return joinBytes([format.start(START), ...story(format)]);
}

import { type ChannelAttributes, checkOf } from "../check/channel_attributes.ts";
import type { BackendOptions } from "../cli/backend_options.ts";

/** The channels of the command line, in the order of the table. */
export type InitialGroups = readonly {
  readonly channels: readonly { readonly attributes: ChannelAttributes }[];
}[];

/** How many of them are checked. */
export function checkCount(groups: InitialGroups, { check: common }: BackendOptions): number {
  return groups.flatMap(({ channels }) => channels)
    .filter(({ attributes }) => checkOf(attributes, common) !== undefined).length;
}

import { assertEquals } from "@std/assert";
import { NO_CHANGES } from "../../../lib/state/record.ts";
import {
  decodeFromPredecessor,
  decodeFromSuccessor,
  encodeMessage,
  type FromPredecessor,
  type FromSuccessor,
} from "../../../lib/takeover/messages.ts";
import { t } from "../../helpers/t.ts";

const AT = { address: "::1", port: 9550 };

t("the messages of a takeover are read as they were written", () => {
  const successor: FromSuccessor[] = [
    { type: "listen" },
    { type: "commit", pid: 17, metrics: AT },
    { type: "serving" },
    { type: "stopping" },
  ];
  for (const one of successor) assertEquals(decodeFromSuccessor(encodeMessage(one)), one);
  const health = [{ group: 0, key: "web1:80", health: "down" }] as const;
  const groups = [{ group: 0, cursor: 1, key: "web2:80", debts: { "web1:80": -3 } }];
  const predecessor: FromPredecessor[] = [
    { type: "refused", reason: "it is shutting down" },
    { type: "begun", health, metrics: AT },
    { type: "steered", operator: NO_CHANGES, groups },
    { type: "committed" },
    { type: "retiring" },
    { type: "left" },
  ];
  for (const one of predecessor) assertEquals(decodeFromPredecessor(encodeMessage(one)), one);
});

t("invalid messages of a successor are not read", () => {
  for (
    const line of [
      ...["", "{", "null", "7", '"listen"', "[]", "{}", '{"type":"other"}'],
      '{"type":"commit"}',
      '{"type":"commit","pid":"../1"}',
      '{"type":"commit","pid":7,"metrics":{"address":1,"port":2}}',
      '{"type":"commit","pid":7,"metrics":null}',
      '{"type":"committed"}',
    ]
  ) assertEquals(decodeFromSuccessor(line), undefined, line);
});

t("invalid messages of a predecessor are not read", () => {
  const state = JSON.stringify(NO_CHANGES);
  for (
    const line of [
      ...["", "null", "{}", '{"type":"serving"}', '{"type":"refused"}', '{"type":"begun"}'],
      '{"type":"begun","health":[null]}',
      '{"type":"begun","health":[{"group":0,"key":"a:1","health":"fine"}]}',
      '{"type":"begun","health":[{"group":-1,"key":"a:1","health":"up"}]}',
      '{"type":"steered","operator":{"version":2,"groups":[]},"groups":[]}',
      `{"type":"steered","operator":${state},"groups":{}}`,
      `{"type":"steered","operator":${state},` +
      '"groups":[{"group":0,"cursor":0,"debts":{"a:1":"x"}}]}',
    ]
  ) assertEquals(decodeFromPredecessor(line), undefined, line);
});

import { assertEquals } from "@std/assert";
import { parseArguments } from "../../../lib/cli/arguments.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseArguments() separates flags, values and operands", () => {
  const { flags, values, operands } = parseArguments(["-fp", "--log=x", "-t", "2", "80", "host"]);
  assertEquals([...flags], ["f", "p"]);
  assertEquals([...values], [["t", "2"], ["log", "x"]]);
  assertEquals(operands, ["80", "host"]);
}, PURE);

t("parseArguments() keeps empty values, and the last one of an option given twice", () => {
  const { values } = parseArguments(["--log=", "-t1", "-t", "2"]);
  assertEquals([values.get("log"), values.get("t"), values.get("T")], ["", "2", undefined]);
}, PURE);

t("parseArguments() joins the values of --metrics-host, which may be repeated", () => {
  const { values } = parseArguments(["--metrics-host", "a,b", "80", "--metrics-host=c"]);
  assertEquals(values.get("metrics-host"), "a,b,c");
  assertEquals(parseArguments(["80"]).values.has("metrics-host"), false);
}, PURE);

import { delay } from "@std/async/delay";
import { FramedSession } from "../../../lib/control/framed_session.ts";
import type { Contender } from "../contenders/contender.ts";
import { median, range } from "../report/stats.ts";
import { launchAll } from "./launch.ts";
import { loadOn } from "./load_on.ts";
import { alternate, type Run } from "./run.ts";

/** Milliseconds of the load before the first command. */
const RISE = 300;

/** Maximum pause between two commands in milliseconds; the actual one is random. */
const PAUSE = 20;

/** Of each command, in milliseconds. */
interface Delays {
  /** From sending it to its answer. */
  readonly answers: number[];
  /** How late this program ran at the end of the pause before: the machine's part of a delay. */
  readonly own: number[];
}

/**
 * How long a balance takes to answer `show` at its control socket while requests keep it busy:
 * median and worst of the commands of a repeat, in milliseconds.
 */
export async function measureControl(run: Run, contenders: readonly Contender[]): Promise<void> {
  const { repeats, seconds } = run.plan.control;
  const own = contenders.filter(({ controlSocket }) => controlSocket !== undefined);
  await using all = await launchAll(run, own, { cores: run.cores.contender });
  await alternate(run, all.targets, {
    what: "control",
    repeats,
    measure: async (target) => {
      using session = await openSession(target.controlSocket);
      let loaded = true;
      const load = loadOn(run, target, { kind: "request", seconds }).finally(() => loaded = false);
      const asking = askOften(run, session, () => loaded);
      const [{ answers, own }] = await Promise.all([asking, load]);
      if (answers.length < run.plan.control.commands) {
        run.notes.add(
          `${target.name}, control: only ${answers.length} of ${run.plan.control.commands} ` +
            `commands within ${seconds} s`,
        );
      }
      if (answers.length === 0) return;
      run.samples.add("control.p50", target.name, median(answers));
      run.samples.add("control.worst", target.name, range(answers).high);
      run.samples.add("control.own", target.name, range(own).high);
    },
  });
}

async function openSession(path = ""): Promise<FramedSession> {
  const session = await FramedSession.open(await Deno.connect({ transport: "unix", path }));
  if (session instanceof FramedSession) return session;
  throw new Error(session ?? "the control socket does not answer");
}

/** Asks until there are enough answers or the load ends. */
async function askOften(
  run: Run,
  session: FramedSession,
  isLoaded: () => boolean,
): Promise<Delays> {
  const answers: number[] = [], own: number[] = [];
  await delay(RISE);
  while (answers.length < run.plan.control.commands) {
    const due = performance.now() + Math.random() * PAUSE;
    await delay(due - performance.now());
    if (!isLoaded()) break;
    const sent = performance.now();
    const answer = await session.ask("show");
    if (typeof answer !== "object" || answer.failed) throw new Error("no answer to [show]");
    own.push(Math.max(0, sent - due));
    answers.push(performance.now() - sent);
  }
  return { answers, own };
}

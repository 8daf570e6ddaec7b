import { within } from "../base/within.ts";
import type { Table } from "../table/table.ts";
import type { Answers, FromWorker, Question, ToWorker } from "./protocol.ts";

/** A worker, as far as it can be asked. */
interface Asked {
  post(message: ToWorker): void;
}

/** Milliseconds that a worker may take to answer. */
const ANSWER_MS = 2000;

/** Asks workers and matches their answers. */
export interface Questions {
  /** Asks every worker. One that does not answer in time, because it died, is left out. */
  askAll<Q extends Question>(question: Q): Promise<Answers[Q["type"]][]>;
  /** Receives an answer. */
  answered(message: FromWorker & { type: "answer" }): void;
}

/** How often {@link steadily} asks. */
const MAX_TRIES = 3;

/** Asks again if channels have got other numbers meanwhile: all answers are from one moment. */
export async function steadily<T>(
  table: Pick<Table, "arrangement">,
  ask: () => Promise<T>,
): Promise<T> {
  for (let tries = 1;; tries++) {
    const { arrangement } = table, answers = await ask();
    if (table.arrangement === arrangement || tries === MAX_TRIES) return answers;
  }
}

/** Starts with no open questions. @param workers Returns those to ask. */
export function newQuestions(workers: () => Iterable<Asked>): Questions {
  const open = new Map<number, (answer: Answers[keyof Answers]) => void>();
  let last = 0;

  async function ask(worker: Asked, question: Question) {
    const query = ++last;
    const { promise, resolve } = Promise.withResolvers<Answers[keyof Answers]>();
    open.set(query, resolve);
    worker.post({ type: "question", query, question });
    const answer = await within(promise, ANSWER_MS);
    open.delete(query);
    return answer;
  }

  return {
    async askAll<Q extends Question>(question: Q) {
      const answers = await Promise.all([...workers()].map((worker) => ask(worker, question)));
      return answers.filter((answer) => answer !== undefined) as Answers[Q["type"]][];
    },
    answered: ({ query, answer }) => open.get(query)?.(answer),
  };
}

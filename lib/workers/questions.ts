import { within } from "../base/within.ts";
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
  askAll<Q extends Question>(workers: Iterable<Asked>, question: Q): Promise<Answers[Q["type"]][]>;
  /** Receives an answer. */
  answered(message: FromWorker & { type: "answer" }): void;
}

/** Starts with no open questions. */
export function newQuestions(): Questions {
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
    async askAll<Q extends Question>(workers: Iterable<Asked>, question: Q) {
      const answers = await Promise.all([...workers].map((worker) => ask(worker, question)));
      return answers.filter((answer) => answer !== undefined) as Answers[Q["type"]][];
    },
    answered: ({ query, answer }) => open.get(query)?.(answer),
  };
}

import { assertEquals } from "@std/assert";
import { newQuestions } from "../../../lib/workers/questions.ts";
import type { ToWorker } from "../../../lib/workers/protocol.ts";
import { t } from "../../helpers/t.ts";

/** A worker that answers each question by a function, or not at all. */
function workerThat(
  questions: ReturnType<typeof newQuestions>,
  answer: (type: string) => number | undefined,
): { post(message: ToWorker): void } {
  return {
    post(message) {
      if (message.type !== "question") return;
      const found = answer(message.question.type);
      if (found === undefined) return;
      questions.answered({ type: "answer", query: message.query, answer: found });
    },
  };
}

t("askAll() collects the answers of all workers and leaves out one that died", async () => {
  const questions: ReturnType<typeof newQuestions> = newQuestions(() => workers);
  const workers = [
    workerThat(questions, () => 1),
    workerThat(questions, () => undefined),
    workerThat(questions, () => 0),
  ];
  const answers = await questions.askAll({ type: "close", selection: { id: 7 } });
  assertEquals(answers, [1, 0]);
  // A late answer belongs to no question.
  questions.answered({ type: "answer", query: 2, answer: 5 });
}, { permissions: "none" });

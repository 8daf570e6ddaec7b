import { exposition, MEDIA_TYPES, type MetricsFormat, negotiate } from "./exposition.ts";
import { healthProblem } from "./health.ts";
import { acceptsGzip, listOf, type RequestHead } from "./http/request_head.ts";
import { requestTarget } from "./http/request_target.ts";
import { type HttpResponse, respond, respondText } from "./http/response.ts";
import { metrics, type MetricsSource } from "./metrics.ts";
import { jsonText } from "./pages/json_text.ts";
import { PageCache } from "./pages/page_cache.ts";
import { Renderer } from "./pages/renderer.ts";
import { status } from "./status.ts";

/** How many clients at a time get a page that is too large to be kept. */
const MAX_STREAMS = 2;

/** A page that takes time to render. */
interface Page {
  readonly headers: Record<string, string>;
  readonly text: () => Iterable<string>;
  readonly cache: PageCache;
}

/** The pages, of which the larger ones are kept for a moment. */
export class MetricsPages {
  readonly #source: MetricsSource;
  readonly #state: { readonly stopping: boolean };
  readonly #renderer: Renderer;
  readonly #metrics: Readonly<Record<MetricsFormat, Page>>;
  readonly #status: Page;
  #streams = 0;

  constructor(
    source: MetricsSource,
    { turn, state }: { turn: () => Promise<void>; state: { readonly stopping: boolean } },
  ) {
    this.#source = source;
    this.#state = state;
    this.#renderer = new Renderer({ turn });
    this.#metrics = {
      text: this.#metricsPage("text"),
      openmetrics: this.#metricsPage("openmetrics"),
    };
    const headers = { "content-type": "application/json", vary: "accept-encoding" };
    this.#status = this.#page(headers, function* () {
      yield* jsonText(status(source, state));
      yield "\n";
    });
  }

  /** Responds to a GET or HEAD request. */
  async answer({ target, fields }: RequestHead): Promise<HttpResponse> {
    switch (requestTarget(target)?.path) {
      case "/metrics":
        return await this.#send(this.#metrics[negotiate(listOf(fields, "accept") ?? null)], fields);
      case "/healthz": {
        const problem = healthProblem(this.#source, this.#state);
        return problem === undefined ? respondText(200, "ok") : respondText(503, problem);
      }
      case "/status.json":
        return await this.#send(this.#status, fields);
      default:
        return respondText(404, "not found: use /metrics, /healthz or /status.json");
    }
  }

  #metricsPage(format: MetricsFormat): Page {
    const headers = { "content-type": MEDIA_TYPES[format], vary: "accept, accept-encoding" };
    return this.#page(headers, () => exposition(metrics(this.#source, this.#state), format));
  }

  #page(headers: Record<string, string>, text: () => Iterable<string>): Page {
    return { headers, text, cache: new PageCache(text, this.#renderer) };
  }

  async #send(
    { headers, text, cache }: Page,
    fields: RequestHead["fields"],
  ): Promise<HttpResponse> {
    const page = await cache.get({ gzip: acceptsGzip(listOf(fields, "accept-encoding")) });
    if (page !== undefined) {
      const encoding = page.gzip ? { "content-encoding": "gzip" } : {};
      return respond(200, page.bytes, { headers: { ...headers, ...encoding } });
    }
    if (this.#streams >= MAX_STREAMS) {
      return respondText(503, "too many requests at once", { headers: { "retry-after": "1" } });
    }
    this.#streams++;
    const release = () => {
      this.#streams--;
    };
    return respond(200, { pieces: this.#renderer.stream(text()), release }, { headers });
  }
}

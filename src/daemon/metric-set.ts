import { Counter, Gauge, Registry } from "prom-client";

export interface RenderedMetrics {
  readonly contentType: string;
  readonly text: string;
}

export type MetricLabels = Readonly<Record<string, string>>;

/** Metrics of one answer: made anew each time, so that nothing of a peer or process that is gone stays behind. */
export class MetricSet {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();

  gauge(name: string, help: string, value: number, labels: MetricLabels = {}): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  /** Streams of the same peer that follow one another add up. */
  counter(name: string, help: string, value: number, labels: MetricLabels = {}): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    counter.inc(labels, value);
  }

  async render(): Promise<RenderedMetrics> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

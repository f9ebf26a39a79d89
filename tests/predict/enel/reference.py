"""Equations (3)–(7) once more, as plain loops over numbers, written from the specification."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, tanh

from airflow_enel.predict.enel.config import EnelConfig
from airflow_enel.predict.enel.training.run_graph import RunGraph


def selu(x: float) -> float:
    return 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (exp(x) - 1))


def linear(weights, name, values):
    matrix = weights[f"{name}.weight"]
    bias = weights.get(f"{name}.bias")
    return [
        sum(float(w) * v for w, v in zip(row, values, strict=True))
        + (0.0 if bias is None else float(bias[i]))
        for i, row in enumerate(matrix)
    ]


def network(weights, name, values):
    hidden = [selu(v) for v in linear(weights, f"{name}.hidden", values)]
    return linear(weights, f"{name}.output", hidden)


def vec(s: float) -> list[float]:
    return [(1 - 1 / s) / (1 - 1 / 64), log(s) / log(64), (s - 1) / 63]


@dataclass
class Row:
    """A node or a summary: a, c, z, metrics and mask."""

    a: list[float]
    c: list[float]
    z: list[float]
    m: list[float]
    mask: list[float]
    off: list[float]
    """Metrics as messages carry them: what is off the past, or all of them."""

    @property
    def x(self) -> list[float]:
        return self.a + self.c + self.z


class Reference:
    """Results in ``node_s``, ``component_s`` and ``metrics``."""

    def __init__(self, config: EnelConfig, weights, graph: RunGraph) -> None:
        self.config, self.weights, self.graph = config, weights, graph
        self.codes = [network(weights, "encoder", list(p)) for p in graph.properties]
        self.n, self.k = len(graph.component), len(graph.added_s)
        self.context = [self._context(r) for r in range(self.n + len(graph.given_start))]
        self.given = [
            Row(
                list(graph.given_start[j]),
                self.context[self.n + j],
                list(graph.given_end[j]),
                list(graph.given_metrics[j]),
                list(graph.given_mask[j]),
                list(graph.given_metrics[j]),
            )
            for j in range(len(graph.given_start))
        ]
        self.rows: list[Row] = []
        self.summaries: list[Row] = []
        for k in range(self.k):
            for i in [i for i in range(self.n) if graph.component[i] == k]:
                self.rows.append(self._node(i))
            self.summaries.append(self._summary(k))
        self.metrics = [row.m for row in self.rows]
        self.node_s = [self._runtime(i) for i in range(self.n)]
        total: list[float] = []
        for i in range(self.n):
            parents = [total[j] for j, target in graph.edges.T if target == i]
            total.append(self.node_s[i] + max(parents, default=0.0))
        self.component_s = [
            max(t for t, of in zip(total, graph.component, strict=True) if of == k)
            for k in range(self.k)
        ]

    def _context(self, row: int) -> list[float]:
        graph, c = self.graph, []
        for part in range(3):
            code = [0.0] * self.config.code
            for slot, index, weight in zip(
                graph.pool_slot, graph.pool_property, graph.pool_weight, strict=True
            ):
                if slot == row * 3 + part:
                    code = [v + weight * u for v, u in zip(code, self.codes[index], strict=True)]
            c += code
        return c

    def _summary(self, k: int) -> Row:
        graph = self.graph
        nodes = [self.rows[i] for i in range(self.n) if graph.component[i] == k]
        c = [sum(values) / len(nodes) for values in zip(*[n.c for n in nodes], strict=True)]
        m, mask = [], []
        for q in range(5):
            defined = [n.off[q] for n in nodes if n.mask[q]]
            m.append(sum(defined) / len(defined) if defined else 0.0)
            mask.append(float(bool(defined)))
        return Row(vec(graph.component_start[k]), c, vec(graph.component_end[k]), m, mask, m)

    def _node(self, i: int) -> Row:
        graph = self.graph
        row = Row(vec(graph.start[i]), self.context[i], vec(graph.end[i]), [0.0] * 5, [0.0] * 5, [])
        row.mask = list(graph.mask[i])
        row.m = list(graph.metrics[i]) if graph.observed[i] else self._predict(i, row)
        row.m = [m * defined for m, defined in zip(row.m, row.mask, strict=True)]
        if self.config.relative_metrics:
            row.off = [
                (m - usual) * defined
                for m, usual, defined in zip(row.m, self._usual(i), row.mask, strict=True)
            ]
        else:
            row.off = row.m
        return row

    def _predecessors(self, i: int) -> list[Row]:
        graph, found = self.graph, []
        parents = [j for j, target in graph.edges.T if target == i]
        if parents:
            return [self.rows[j] for j in parents]
        for number in (graph.previous, graph.historical):
            summary = number[graph.component[i]]
            if 0 <= summary < self.k:
                found.append(self.summaries[summary])
            elif summary >= self.k:
                found.append(self.given[summary - self.k])
        return found

    def _predict(self, i: int, row: Row) -> list[float]:
        before, w = self._predecessors(i), self.weights
        target = linear(w, "metrics.target", row.x)
        pairs = [
            [t + s for t, s in zip(target, linear(w, "metrics.source", b.x), strict=True)]
            for b in before
        ]
        scores = [
            sum(float(a) * selu(v) for a, v in zip(w["metrics.attention"], pair, strict=True))
            for pair in pairs
        ]
        total = sum(exp(score) for score in scores)
        summed = [float(b) for b in w["metrics.bias"]]
        for pair, score, b in zip(pairs, scores, before, strict=True):
            message = network(w, "metrics.f4", pair + self._measured(b, b.off))
            summed = [v + exp(score) / total * m for v, m in zip(summed, message, strict=True)]
        if self.config.relative_metrics:
            return [usual + tanh(v) for usual, v in zip(self._usual(i), summed, strict=True)]
        return [1 / (1 + exp(-v)) for v in summed]

    def _usual(self, i: int) -> list[float]:
        graph = self.graph
        off = graph.relative[i][-5:]  # of the components that have finished
        known = zip(graph.reference[i], off, graph.reference_mask[i], strict=True)
        return [value + more if there else 0.5 for value, more, there in known]

    def _measured(self, row: Row, metrics: list[float]) -> list[float]:
        return metrics + row.mask if self.config.mask_inputs else metrics

    def _runtime(self, i: int) -> float:
        graph, row, w = self.graph, self.rows[i], self.weights
        overhead = 0.0
        if graph.start[i] != graph.end[i]:
            inputs = (
                row.c + self._measured(row, row.m) + row.a + row.z + [float(graph.rescaling[i])]
            )
            overhead = network(w, "f1", inputs)[0]
        inputs = row.c + self._measured(row, row.m) + row.z + [overhead]
        if self.config.relative_inputs:
            against = [
                (row.m[q] - graph.reference[i][q])
                if row.mask[q] and graph.reference_mask[i][q]
                else 0.0
                for q in range(5)
            ]
            factors = [overhead, *against, *graph.relative[i]]
            inputs += factors[1:]
        output = network(w, "f2", inputs)[0]
        if self.config.relative_inputs:
            elasticities = network(w, "f2", inputs)
            output = sum(e * f for e, f in zip(elasticities, factors, strict=True))
        if self.config.residual:
            return float(graph.prior_s[i]) * exp(3 * tanh(output / 3))
        return float(w["time_scale"]) * log(1 + exp(output))

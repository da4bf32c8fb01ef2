"""A graph's equations run over blocks of trials, and their sums over the rows (:mod:`.vectorised`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from methodologies.uncertainty.vectorised import CELLS, Array, Graph, Node, choose, codes_of, spread

Draw = Callable[[str, int, int, Array], None]


class Program:
    """The part of a graph that some sums over rows need, ready to be run over blocks of trials.

    ``sums``: each is (coefficient, values, weights): Σ over rows of values × weights, times the coefficient.
    All three are nodes; the weights may be several nodes whose product counts.
    """

    def __init__(self, graph: Graph, sums: Sequence[tuple[Node, Node, tuple[Node, ...]]]) -> None:
        self.rows, self.sums = graph.rows, sums
        needed: set[int] = set()
        for coefficient, values, weights in sums:
            for node in (coefficient, values, *weights):
                _mark(node, needed)
        nodes = [node for node in graph.order if id(node) in needed]
        self.inputs = [node for node in nodes if node.operation is None and not node.layout.wide]
        self.drawn = [node for node in nodes if node.operation is None and node.layout.wide]
        self.narrow = [node for node in nodes if node.operation is not None and not node.layout.wide]
        self.wide = [node for node in nodes if node.operation is not None and node.layout.wide]
        if graph.rows == 1:  # one row: its draws are narrow too
            self.drawn = []
        self._places, self._floats, self._flags = _places(self.wide, self.drawn, sums)
        read = [a for node in self.wide for a in node.arguments]
        read += [node for one in sums for node in (one[0], one[1], *one[2])]
        computed = {id(node) for node in (*self.inputs, *self.narrow)}
        self._read_per_row = {id(node) for node in read} & computed
        self._folded = [_folded(values, weights, graph.rows) for _, values, weights in sums]

    @property
    def by_class(self) -> bool:
        """Whether anything varies over the rows as well as over the trials."""
        return self.per_row or any(node.layout.size > 1 for node in self.narrow)

    @property
    def per_row(self) -> bool:
        """Whether anything has to be computed for each trial and row."""
        return bool(self.wide or self.drawn)

    def run(self, parameters: Mapping[str, Array], first: int, count: int, draw: Draw | None) -> list[Array]:
        """The sums for trials ``first`` … ``first + count − 1``; ``draw(name, start, stop, out)`` fills in
        the draws of a column."""
        values: dict[int, Array] = {
            id(node): parameters[node.name][first : first + count, None] for node in self.inputs
        }
        with np.errstate(all="ignore"):
            for node in self.narrow:
                values[id(node)] = _value(node, values)
            results = [np.zeros(count) for _ in self.sums]
            step = max(1, CELLS // self.rows) if self.per_row else count
            floats = [np.empty((step, self.rows)) for _ in range(self._floats)]
            flags = [np.empty((step, self.rows), dtype=np.bool_) for _ in range(self._flags)]
            for start in range(0, count, step):
                stop = min(start + step, count)
                part = self._wide_part(values, floats, flags, start, stop, draw)
                for place, result in enumerate(results):
                    result[start:stop] = self._sum(place, part, stop - start)
        return results

    def _wide_part(
        self,
        values: Mapping[int, Array],
        floats: list[Array],
        flags: list[Array],
        start: int,
        stop: int,
        draw: Draw | None,
    ) -> dict[int, Array]:
        """Everything that varies over trials and rows, for the trials start … stop of a block."""
        part = {key: values[key][start:stop] for key in self._read_per_row}
        for node in self.drawn:
            assert draw is not None
            out = floats[self._places[id(node)]][: stop - start]
            draw(node.name, start, stop, out)
            part[id(node)] = out
        for node in self.wide:
            out = (flags if node.logical else floats)[self._places[id(node)]][: stop - start]
            arguments = [
                argument.data if argument.data is not None else part[id(argument)]
                for argument in node.arguments
            ]
            assert node.operation is not None
            if node.operation is spread:
                spread(arguments[0], node.picks[0], out)  # type: ignore[arg-type]
            else:
                out = node.operation(*arguments, out=out)
            part[id(node)] = out
        return part

    def _sum(self, place: int, part: Mapping[int, Array], count: int) -> Array:
        coefficient, values, weights = self.sums[place]
        folded = self._folded[place]
        matrix = _read(values, part)
        if folded is not None:  # no draws per row in the weights: they are added up per class beforehand
            total = matrix @ folded if values.moving else folded
        else:
            product = self._rows_of(weights[0], part)
            for weight in weights[1:]:
                product = product * self._rows_of(weight, part)
            if product.shape[0] < count:
                product = np.broadcast_to(product, (count, self.rows))
            if values.layout.size == 1:
                total = matrix[:, 0] * product.sum(axis=1)
            else:
                matrix = self._rows_of(values, part)
                total = (
                    np.einsum("tn,tn->t", matrix, product) if len(matrix) == count else product @ matrix[0]
                )
        scaled: Array = total * _read(coefficient, part)[:, 0]
        return scaled

    def _rows_of(self, node: Node, part: Mapping[int, Array]) -> Array:
        """A node per row, (t, n) or (1, n)."""
        matrix = _read(node, part)
        if node.layout.wide:
            return matrix
        if node.layout.size == 1:
            return np.broadcast_to(matrix, (len(matrix), self.rows))
        return spread(matrix, codes_of(node.layout, self.rows))


def _read(node: Node, part: Mapping[int, Array]) -> Array:
    return node.data if node.data is not None else part[id(node)]


def _value(node: Node, values: Mapping[int, Array]) -> Array:
    assert node.operation is not None
    taken = []
    for argument, pick in zip(node.arguments, node.picks, strict=True):
        data = _read(argument, values)
        taken.append(data if pick is None else data.take(pick, axis=1))
    result: Array = node.operation(*taken)
    return result


def _folded(values: Node, weights: tuple[Node, ...], rows: int) -> Array | None:
    """Σ of the weights of each class of ``values``, or the whole sum where no trial changes the values;
    None when a weight is drawn per row."""
    if any(weight.moving for weight in weights):
        return None
    total: Array = np.ones(rows)
    for weight in weights:
        assert weight.data is not None
        total = total * weight.data[0][codes_of(weight.layout, rows)]
    if not values.layout.wide:
        total = np.bincount(codes_of(values.layout, rows), weights=total, minlength=values.layout.size)
    return total if values.data is None else np.array([values.data[0] @ total])


def _mark(node: Node, needed: set[int]) -> None:
    if id(node) not in needed:
        needed.add(id(node))
        for argument in node.arguments:
            _mark(argument, needed)


def _places(
    wide: Sequence[Node], drawn: Sequence[Node], sums: Sequence[tuple[Node, Node, tuple[Node, ...]]]
) -> tuple[dict[int, int], int, int]:
    """A buffer for each node of work per row; one whose last reader has run is used again (still warm)."""
    last = {id(node): position for position, node in enumerate(wide)}
    for position, node in enumerate(wide):
        last |= {id(argument): position for argument in node.arguments}
    last |= {id(node): len(wide) for one in sums for node in (one[0], one[1], *one[2])}
    places: dict[int, int] = {id(node): place for place, node in enumerate(drawn)}
    free: dict[bool, list[int]] = {False: [], True: []}
    size = {False: len(drawn), True: 0}
    kinds = {id(node): node.logical for node in (*wide, *drawn)}
    for position, node in enumerate(wide):
        done = [key for key in {id(a): a for a in node.arguments} if key in places and last[key] == position]
        if node.operation not in (spread, choose):  # these two write before they have read everything
            _release(done, places, free, kinds)
        if not free[node.logical]:
            free[node.logical].append(size[node.logical])
            size[node.logical] += 1
        places[id(node)] = free[node.logical].pop()
        if node.operation in (spread, choose):
            _release(done, places, free, kinds)
    return places, size[False], size[True]


def _release(
    done: list[int], places: dict[int, int], free: dict[bool, list[int]], kinds: Mapping[int, bool]
) -> None:
    for key in done:
        free[kinds[key]].append(places[key])

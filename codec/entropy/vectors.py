"""Short integer vectors for compiled loops, where a compiler left to itself makes scalar code.

LLVM turns them into what the processor has; nothing here depends on how wide its registers are. What the coding loops
read number by number straight after is written in 32 bytes at most: some processors are slow to hand on a part of what
a wider store has just written.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .compiled import generated

INT16, INT32, INT64 = (ir.IntType(bits) for bits in (16, 32, 64))
LANES = 8
"""Numbers in a vector."""
NUM_VECTORS = 3
"""Vectors of mixer inputs, and in each row of their weights."""
NUM_NEIGHBOURS = 15
"""Neighbours that a token is compared with: all but one place of two vectors."""
TILE_ROWS, TILE_COLUMNS = 6, 16
"""What `add_products` works out at a time: few enough sums for the registers of most processors."""

Values = list[ir.Value]


def _data(context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value) -> ir.Value:
    return context.make_array(kind)(context, builder, array).data


def _splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    empty = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes))


def _constant(value: int, lanes: int) -> ir.Value:
    return ir.Constant(ir.VectorType(INT32, lanes), [value] * lanes)


def _vector_at(builder: ir.IRBuilder, data: ir.Value, index: ir.Value, lanes: int) -> ir.Value:
    pointer = builder.gep(data, [index])
    return builder.bitcast(pointer, ir.VectorType(INT32, lanes).as_pointer())


def _within(builder: ir.IRBuilder, values: ir.Value, shift: int, limit: int) -> ir.Value:
    """Shift numbers of a vector down, and replace those beyond -limit..limit by the nearest of these."""
    lanes = values.type.count
    values = builder.ashr(values, _constant(shift, lanes))
    for comparison, number in ((">", -limit), ("<", limit)):
        bound = _constant(number, lanes)
        values = builder.select(builder.icmp_signed(comparison, values, bound), values, bound)
    return values


@generated
def add_and_scale(
    typing: Any, into: Any, numbers: Any, addend: Any, factor: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Write 16 numbers plus an addend, times a factor, all int64."""
    lanes = LANES // 2

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        target, source = (_data(context, builder, signature.args[index], args[index]) for index in (0, 1))
        addends, factors = (_splat(builder, args[index], lanes) for index in (2, 3))
        kind = ir.VectorType(INT64, lanes).as_pointer()
        for first in range(0, 2 * LANES, lanes):
            place = [ir.Constant(INT64, first)]
            values = builder.load(builder.bitcast(builder.gep(source, place), kind), align=8)
            scaled = builder.mul(builder.add(values, addends), factors)
            builder.store(scaled, builder.bitcast(builder.gep(target, place), kind), align=8)
        return context.get_dummy_value()

    return types.void(into, numbers, types.int64, types.int64), generate


@generated
def weighed_sum(typing: Any, weights: Any, start: Any, inputs: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """Sum up in int64 the inputs times the weights from `start` on, all int32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        sources = [
            (_data(context, builder, signature.args[0], args[0]), args[1]),
            (_data(context, builder, signature.args[2], args[2]), ir.Constant(INT64, 0)),
        ]
        wide, total = ir.VectorType(INT64, LANES), None
        for number in range(NUM_VECTORS):
            factors = []
            for data, first in sources:
                place = builder.add(first, ir.Constant(INT64, number * LANES))
                factors.append(
                    builder.sext(builder.load(_vector_at(builder, data, place, LANES), align=4), wide)
                )
            product = builder.mul(*factors)
            total = product if total is None else builder.add(total, product)
        name, kind = f"llvm.vector.reduce.add.v{LANES}i64", ir.FunctionType(INT64, [wide])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [total])

    return types.int64(weights, types.int64, inputs), generate


@generated
def move_weights(
    typing: Any, weights: Any, start: Any, inputs: Any, error: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Add to each weight from `start` on its input times an error, over 2**18 and rounded, all int32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        into = _data(context, builder, signature.args[0], args[0])
        source = _data(context, builder, signature.args[2], args[2])
        for number in range(NUM_VECTORS):
            offset = ir.Constant(INT64, number * LANES)
            place = _vector_at(builder, into, builder.add(args[1], offset), LANES)
            values = builder.load(_vector_at(builder, source, offset, LANES), align=4)
            product = builder.mul(values, _splat(builder, args[3], LANES))
            step = builder.ashr(builder.add(product, _constant(1 << 17, LANES)), _constant(18, LANES))
            builder.store(builder.add(builder.load(place, align=4), step), place, align=4)
        return context.get_dummy_value()

    return types.void(weights, types.int64, inputs, types.int32), generate


@generated
def compare_neighbours(
    typing: Any, centres: Any, near: Any, bit: Any, into: Any, inputs: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Compare a token's neighbours with it in one dimension, given a bit as (dimension, centre, plane, last).

    Writes 16 numbers each: into the first of two arrays how far their centres are ahead, a = (centres[near + dimension]
    - centre) << plane, into the second a >> 13 within 16, plus 16; and, as inputs, a >> 5 within 512, with `last` in
    the place after them.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        source, places, scaled = (
            _data(context, builder, signature.args[index], args[index]) for index in (0, 1, 4)
        )
        ahead, levels = (
            _data(context, builder, kind, array)
            for kind, array in zip(signature.args[3], cgutils.unpack_tuple(builder, args[3], 2), strict=True)
        )
        dimension, *numbers = cgutils.unpack_tuple(builder, args[2], 4)
        centre, plane, last = (builder.trunc(number, INT32) for number in numbers)
        source = builder.gep(source, [dimension])
        for first in (0, LANES):
            values: ir.Value = ir.Constant(ir.VectorType(INT16, LANES), [0] * LANES)
            for index in range(first, min(first + LANES, NUM_NEIGHBOURS)):
                place = builder.load(builder.gep(places, [ir.Constant(INT64, index)]))
                value = builder.load(builder.gep(source, [place]))
                values = builder.insert_element(values, value, ir.Constant(INT32, index - first))
            values = builder.zext(values, ir.VectorType(INT32, LANES))
            difference = builder.sub(values, _splat(builder, centre, LANES))
            difference = builder.shl(difference, _splat(builder, plane, LANES))
            at = ir.Constant(INT64, first)
            builder.store(difference, _vector_at(builder, ahead, at, LANES), align=4)
            level = builder.add(_within(builder, difference, 13, 16), _constant(16, LANES))
            builder.store(level, _vector_at(builder, levels, at, LANES), align=4)
            value = _within(builder, difference, 5, 512)
            if first + LANES > NUM_NEIGHBOURS:
                value = builder.insert_element(value, last, ir.Constant(INT32, NUM_NEIGHBOURS - first))
            builder.store(value, _vector_at(builder, scaled, at, LANES), align=4)
        return context.get_dummy_value()

    return types.void(centres, near, types.UniTuple(types.int64, 4), into, inputs), generate


@generated
def write_vector(typing: Any, array: Any, start: Any, values: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """Write as many integers as a vector has, at once, into an int32 array from `start` on."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        data = _data(context, builder, signature.args[0], args[0])
        vector = _constant(0, LANES)
        for index, value in enumerate(cgutils.unpack_tuple(builder, args[2], LANES)):
            vector = builder.insert_element(vector, builder.trunc(value, INT32), ir.Constant(INT32, index))
        builder.store(vector, _vector_at(builder, data, args[1], LANES), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.UniTuple(types.int64, LANES)), generate


@generated
def add_products(
    typing: Any, origin: Any, origin_places: Any, sums: Any, x: Any, weights: Any, places: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Add a tile of a matrix product: 6 rows of x times as many rows of weights as those are long, 16 columns.

    It is added to a tile of `origin`, which starts at the first of its places and whose rows are the second apart, and
    the result is written to sums. Both are int32, the others int16; the weights of two rows stand beside each other,
    column by column, so that a processor can multiply and add them in one go. The places say, in numbers from their
    beginning, where the tile starts in sums, x and weights, how far apart rows are in x, and in sums; then how long
    the rows of x are that count, an even number.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        into, source, factors = (
            _data(context, builder, signature.args[index], args[index]) for index in (2, 3, 4)
        )
        first = _data(context, builder, signature.args[0], args[0])
        first_at, first_width = cgutils.unpack_tuple(builder, args[1], 2)
        at, x_at, weights_at, stride, width, depth = cgutils.unpack_tuple(builder, args[5], 6)
        row, pairs = ir.VectorType(INT32, TILE_COLUMNS), ir.VectorType(INT16, 2 * TILE_COLUMNS)
        wide, two = ir.VectorType(INT32, 2 * TILE_COLUMNS), ir.Constant(INT64, 2)
        evens, odds = (ir.Constant(row, [*range(first, 2 * TILE_COLUMNS, 2)]) for first in (0, 1))
        totals, targets, starts = [], [], []
        for index in range(TILE_ROWS):
            step = ir.Constant(INT64, index)
            target = builder.gep(into, [builder.add(at, builder.mul(step, width))])
            targets.append(builder.bitcast(target, row.as_pointer()))
            start = builder.gep(source, [builder.add(x_at, builder.mul(step, stride))])
            starts.append(builder.bitcast(start, INT32.as_pointer()))
            totals.append(cgutils.alloca_once(builder, row))
            source_row = builder.gep(first, [builder.add(first_at, builder.mul(step, first_width))])
            value = builder.load(builder.bitcast(source_row, row.as_pointer()), align=4)
            builder.store(value, totals[index])
        with cgutils.for_range(builder, builder.udiv(depth, two)) as loop:
            step = builder.mul(builder.mul(loop.index, width), two)
            place = builder.gep(factors, [builder.add(weights_at, step)])
            weight = builder.sext(builder.load(builder.bitcast(place, pairs.as_pointer()), align=2), wide)
            for total, start in zip(totals, starts, strict=True):
                pair = builder.load(builder.gep(start, [loop.index]), align=2)
                values = builder.bitcast(_splat(builder, pair, TILE_COLUMNS), pairs)
                # In this form LLVM finds the instructions that do both products and their sum at once.
                product = builder.mul(builder.sext(values, wide), weight)
                halves = [builder.shuffle_vector(product, product, half) for half in (evens, odds)]
                builder.store(builder.add(builder.load(total), builder.add(*halves)), total)
        for total, target in zip(totals, targets, strict=True):
            builder.store(builder.load(total), target, align=4)
        return context.get_dummy_value()

    two_places, six_places = (types.UniTuple(types.int64, count) for count in (2, 6))
    return types.void(origin, two_places, sums, x, weights, six_places), generate

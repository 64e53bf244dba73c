"""Short integer vectors for compiled loops, where a compiler left to itself makes scalar code.

LLVM turns them into what the processor has; nothing here depends on how wide its registers are.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT16, INT32, INT64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
LANES = 8
"""Numbers in a vector; arrays that are weighed are whole vectors long."""
NUM_VECTORS = 3
NUM_NEIGHBOURS = 15

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


@intrinsic
def weighed_sum(typing: Any, weights: Any, start: Any, inputs: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """Sum up, exactly in int64, inputs times the weights from `start` on, all int32."""

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


@intrinsic
def move_weights(
    typing: Any, weights: Any, start: Any, inputs: Any, error: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Add to each weight from `start` on its input times an error, in units of 2**18 and rounded, all int32."""

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


@intrinsic
def compare_neighbours(
    typing: Any, centres: Any, near: Any, dimension: Any, centre: Any, plane: Any, ahead: Any, inputs: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Write how far neighbours are ahead, (centres[near + dimension] - centre) << plane, and that >> 5 within 512."""
    lanes = 2 * LANES

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        source, places, into, scaled = (
            _data(context, builder, signature.args[index], args[index]) for index in (0, 1, 5, 6)
        )
        kind = ir.VectorType(INT32, lanes)
        values = ir.Constant(kind, [0] * lanes)
        for index in range(NUM_NEIGHBOURS):
            place = builder.add(builder.load(builder.gep(places, [ir.Constant(INT64, index)])), args[2])
            value = builder.zext(builder.load(builder.gep(source, [place])), INT32)
            values = builder.insert_element(values, value, ir.Constant(INT32, index))
        difference = builder.sub(values, _splat(builder, builder.trunc(args[3], INT32), lanes))
        difference = builder.shl(difference, _splat(builder, builder.trunc(args[4], INT32), lanes))
        builder.store(difference, _vector_at(builder, into, ir.Constant(INT64, 0), lanes), align=4)
        value = builder.ashr(difference, _constant(5, lanes))
        for comparison, limit in ((">", -512), ("<", 512)):
            bound = _constant(limit, lanes)
            value = builder.select(builder.icmp_signed(comparison, value, bound), value, bound)
        builder.store(value, _vector_at(builder, scaled, ir.Constant(INT64, 0), lanes), align=4)
        return context.get_dummy_value()

    arguments = centres, near, types.int64, types.int64, types.int64, ahead, inputs
    return types.void(*arguments), generate


@intrinsic
def write_vector(typing: Any, array: Any, start: Any, values: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """Write as many integers as a vector has, at once, into an int32 array from `start` on."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        data = _data(context, builder, signature.args[0], args[0])
        vector = ir.Constant(ir.VectorType(INT32, LANES), ir.Undefined)
        for index, value in enumerate(cgutils.unpack_tuple(builder, args[2], LANES)):
            vector = builder.insert_element(vector, builder.trunc(value, INT32), ir.Constant(INT32, index))
        builder.store(vector, _vector_at(builder, data, args[1], LANES), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.UniTuple(types.int64, LANES)), generate


TILE_ROWS, TILE_COLUMNS = 6, 16
"""What `add_products` works out at a time: few enough sums for the registers of most processors."""


@intrinsic
def add_products(
    typing: Any,
    sums: Any,
    place: Any,
    x: Any,
    x_place: Any,
    x_stride: Any,
    weights: Any,
    w_place: Any,
    width: Any,
    depth: Any,
) -> tuple[Any, Callable[..., ir.Value]]:
    """Add a tile of a matrix product to sums: 6 rows of x, `depth` long, times as many rows of 16 weights.

    All are flat floating-point arrays; `width` numbers lie between two rows of the sums, and of the weights.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Values) -> ir.Value:
        into, source, factors = (
            _data(context, builder, signature.args[index], args[index]) for index in (0, 2, 5)
        )
        place, x_place, x_stride, w_place, width, depth = (args[index] for index in (1, 3, 4, 6, 7, 8))
        number = into.type.pointee
        row = ir.VectorType(number, TILE_COLUMNS)
        size = context.get_abi_sizeof(number)
        fma = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(row, [row] * 3),
            f"llvm.fmuladd.v{TILE_COLUMNS}f{8 * size}",
        )
        tiles, starts = [], []
        for index in range(TILE_ROWS):
            step = ir.Constant(INT64, index)
            pointer = builder.gep(into, [builder.add(place, builder.mul(step, width))])
            pointer = builder.bitcast(pointer, row.as_pointer())
            tile = cgutils.alloca_once(builder, row)
            builder.store(builder.load(pointer, align=size), tile)
            tiles.append((tile, pointer))
            starts.append(builder.gep(source, [builder.add(x_place, builder.mul(step, x_stride))]))
        with cgutils.for_range(builder, depth) as loop:
            weight = builder.gep(factors, [builder.add(w_place, builder.mul(loop.index, width))])
            weight = builder.load(builder.bitcast(weight, row.as_pointer()), align=size)
            for (tile, _), start in zip(tiles, starts, strict=True):
                value = _splat(builder, builder.load(builder.gep(start, [loop.index])), TILE_COLUMNS)
                builder.store(builder.call(fma, [value, weight, builder.load(tile)]), tile)
        for tile, pointer in tiles:
            builder.store(builder.load(tile), pointer, align=size)
        return context.get_dummy_value()

    index = types.int64
    return types.void(sums, index, x, index, index, weights, index, index, index), generate

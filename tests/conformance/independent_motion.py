"""A slow decoder of the motion of a segment; written from FORMAT.md 3.4.2 and 5.3 alone."""

from conformance.independent_adaptive import RATE, SlowRangeDecoder


class Counters:  # 5.4.9, step 2
    def __init__(self, coded):
        self.decoder = SlowRangeDecoder(coded)
        self.counters = [(1 << 23, 0)] * 67

    def bit(self, number):
        probability, seen = self.counters[number]
        bit = self.decoder.pull(max(1, probability >> 8))
        probability += (bit * 16777215 - probability) * RATE[seen] >> 16
        self.counters[number] = probability, min(seen + 1, 255)
        return bit


def read_motion(data):
    """Give [groups][rows][columns] of (x, y); nothing where nothing moves."""
    if not data:
        return []
    columns, rows, groups = data[0], data[1], int.from_bytes(data[2:4], "little")
    coded = Counters(data[4:])
    found, before, moves = [], [[(0, 0)] * columns for _ in range(rows)], 0
    for _ in range(groups):
        group = [[(0, 0)] * columns for _ in range(rows)]
        moves = coded.bit(moves)
        if moves:
            for row in range(rows):
                for column in range(columns):
                    group[row][column] = read_cell(coded, group, before, row, column)
        found.append(group)
        before = group
    return found


def read_cell(coded, group, before, row, column):
    cell, other = [], 0
    last = column == len(group[0]) - 1
    for axis in (0, 1):
        west = group[row][column - 1][axis] if column else 0
        north = group[row - 1][column][axis] if row else west
        if not column:
            west = north
        east = group[row - 1][column + 1][axis] if row and not last else north
        past = before[row][column][axis]
        median = sorted((west, north, past))[1]
        apart = abs(west - north) + abs(east - north) + abs(past - median)
        unrest = sum(bound < apart for bound in (0, 1, 4, 10))
        other = coded.bit(7 + 2 * unrest + other if axis else 2 + unrest)
        cell.append(median + (read_difference(coded, axis, unrest) if other else 0))
    return tuple(cell)


def read_difference(coded, axis, unrest):
    sign = -1 if coded.bit(17 + axis) else 1
    first, size = (43 if axis else 19) + 8 * min(unrest, 2), 1
    while size <= 8 and coded.bit(first + size - 1):
        size += 1
    if size > 8:
        length, rest = 0, 1
        while length < 12 and coded.decoder.pull(32768):
            length += 1
        for _ in range(length):
            rest = 2 * rest + coded.decoder.pull(32768)
        size = 8 + rest
    return sign * size

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Medians, plain tables, and targets beside what was measured."""

import statistics

MIB = 1024 * 1024


def median(results, key):
    """Median of a member over several runs; None where a run has none."""
    values = [result.get(key) for result in results]
    if not values or any(value is None for value in values):
        return None
    return statistics.median(values)


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def difference(a, b):
    return None if a is None or b is None else a - b


def ratio(a, b):
    return None if a is None or not b else a / b


def print_table(title, columns, rows):
    """Rows of text under their columns; the first column to the left."""
    print(f"\n{title}")
    rows = [columns, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells).rstrip(), flush=True)


class Targets:
    """What issue 6 asks for, in the order in which it was measured."""

    def __init__(self):
        self.lines = []

    def at_most(self, what, value, bound, unit, digits=3):
        self.add(what, value, bound, unit, digits, "<=", value is not None and value <= bound)

    def at_least(self, what, value, bound, unit, digits=3):
        self.add(what, value, bound, unit, digits, ">=", value is not None and value >= bound)

    def add(self, what, value, bound, unit, digits, sign, is_met):
        self.lines.append({"what": what, "value": value, "bound": bound, "unit": unit,
                           "sign": sign, "met": is_met, "digits": digits})

    def print(self):
        print_table("Targets", ["", "measured", "target", "met"], [
            [line["what"], f"{number(line['value'], line['digits'])} {line['unit']}",
             f"{line['sign']} {line['bound']:g} {line['unit']}", "yes" if line["met"] else "no"]
            for line in self.lines])

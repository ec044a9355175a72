"""The picture of a run: a panel of bars for each comparison, written as SVG by hand."""

from dataclasses import dataclass
from html import escape

from bench.figures import Figures, Spread
from bench.units import number

PANEL_WIDTH, ROW, TOP, GAP = 430, 22, 34, 26
NAME_WIDTH, VALUE_WIDTH = 84, 74
COLUMNS = 2
FARTHEST = 6.0
"""Bars end at so many times ours; what is longer is cut, and its number tells how long it is."""

OURS, OTHERS, INK, SPREAD = "#0b6e4f", "#9aa5b1", "#1f2933", "#52606d"


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    workload: str
    metric: str


PANELS = (
    Panel("small GET: CPU, us a request", "get", "cpu_us"),
    Panel("POST of 300 bytes: CPU, us a request", "post", "cpu_us"),
    Panel("20 headers, 1 kB of cookies: CPU, us a request", "headers", "cpu_us"),
    Panel("p99 at half of its capacity, ms", "latency", "p99_ms"),
    Panel("1 MiB replies: CPU, us a MiB", "down-1m", "cpu_us_mib"),
    Panel("10 MiB uploads: CPU, us a MiB", "up-10m", "cpu_us_mib"),
)


def svg(figures: Figures, ours: str) -> str:
    """Only panels that have numbers."""
    panels = [panel for panel in PANELS if figures.who(panel.workload)]
    parts, y, height = [], GAP, 0
    for place, panel in enumerate(panels):
        if place % COLUMNS == 0:
            y, height = y + height, 0
        bars = _bars(figures, panel, ours)
        parts.append(f'<g transform="translate({GAP + (place % COLUMNS) * (PANEL_WIDTH + GAP)},{y})">{bars}</g>')
        height = max(height, TOP + ROW * len(figures.who(panel.workload)) + GAP)
    return _document(parts, y + height)


def _document(parts: list[str], height: int) -> str:
    width = GAP + COLUMNS * (PANEL_WIDTH + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"',
            f' font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _bars(figures: Figures, panel: Panel, ours: str) -> str:
    spreads = {who: figures.spread(who, panel.workload, panel.metric) for who in figures.who(panel.workload)}
    known = {who: spread for who, spread in spreads.items() if spread is not None}
    highest = max((spread.high for spread in known.values()), default=1.0)
    if ours in known:
        highest = min(highest, FARTHEST * known[ours].median)
    return "".join(
        [
            f'<text y="16" font-weight="600">{escape(panel.title)}</text>',
            *(
                _bar(who, spread, y=TOP + ROW * place, highest=highest or 1.0, colour=OURS if who == ours else OTHERS)
                for place, (who, spread) in enumerate(sorted(known.items(), key=lambda item: item[1].median))
            ),
        ]
    )


def _bar(who: str, spread: Spread, *, y: int, highest: float, colour: str) -> str:
    """highest: the value at which bars end."""
    scale = (PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH) / highest
    length = min(spread.median, highest) * scale
    low, high = (NAME_WIDTH + min(value, highest) * scale for value in (spread.low, spread.high))
    middle = y + ROW / 2 - 3
    whisker = f'<path d="M{low:.1f} {middle:.1f}H{high:.1f}" stroke="{SPREAD}" stroke-width="1.5"/>'
    cut = " &#8594;" if spread.median > highest else ""
    label = max(NAME_WIDTH + length, high) + 6
    return (
        f'<text x="{NAME_WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(who)}</text>'
        f'<rect x="{NAME_WIDTH}" y="{y}" width="{length:.1f}" height="{ROW - 6}" fill="{colour}"/>'
        f'{whisker}<text x="{label:.1f}" y="{middle + 4:.1f}">{number(spread.median)}{cut}</text>'
    )

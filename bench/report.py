"""Everything that a run has to tell, and the files that it is written to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figures
from bench.grid import grids
from bench.plot import svg
from bench.targets import Verdict
from bench.units import METRICS

QUIET_MACHINE = 0.05
"""What others may use of all cores before a run says so."""


@dataclass(frozen=True, slots=True)
class Report:
    """ours: the name that others are compared with. missing: a line for each peer that is not there."""

    figures: Figures
    verdicts: list[Verdict]
    ours: str
    machine: dict[str, str]
    versions: dict[str, str]
    missing: list[str]
    pace: str

    @property
    def disturbed(self) -> str:
        """A warning, where the machine had much else to do."""
        foreign = self.figures.foreign()
        if foreign < QUIET_MACHINE:
            return ""
        return f"other programs used {foreign:.0%} of all cores meanwhile: the numbers are larger for it"

    def write(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "results.json").write_text(json.dumps(self.json(), indent=1) + "\n", encoding="utf-8")
        (directory / "results.svg").write_text(svg(self.figures, self.ours), encoding="utf-8")
        (directory / "RESULTS.md").write_text(self.markdown(), encoding="utf-8")

    def json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "versions": self.versions,
            "pace": self.pace,
            "others_used": _short(self.figures.foreign()),
            "missing": self.missing,
            "failures": self.figures.failures,
            "targets": [
                {
                    "target": verdict.target.text,
                    "measured": verdict.value,
                    "limit": verdict.target.limit,
                    "unit": verdict.target.unit,
                    "verdict": verdict.word,
                    "note": verdict.note,
                }
                for verdict in self.verdicts
            ],
            "figures": [self._figure(*each) for each in self.figures.values.items()],
        }

    def _figure(self, key: Any, values: list[float]) -> dict[str, Any]:
        spread = self.figures.spread(key.who, key.workload, key.metric)
        assert spread is not None
        return {
            "who": key.who,
            "workload": key.workload,
            "metric": key.metric,
            "what": METRICS[key.metric].title,
            "median": _short(spread.median),
            "min": _short(spread.low),
            "max": _short(spread.high),
            "values": [_short(value) for value in values],
        }

    def markdown(self) -> str:
        """RESULTS.md."""
        facts = [f"- {name}: {value}" for name, value in {**self.machine, "pace": self.pace}.items()]
        found = [f"- {who}: {version}" for who, version in self.versions.items()]
        lines = [
            *("# What `make bench` measured", "", *facts, "", "Who was measured:", "", *found, *_listed(self.missing)),
            *_listed([f"**{self.disturbed}**"] if self.disturbed else []),
            *("", "![CPU and latency beside the peers](results.svg)", "", "## Targets", ""),
            *self._targets(),
            *_listed([f"FAILED: {failure}" for failure in self.figures.failures]),
            *("", "## Numbers", "", NOTES, ""),
        ]
        for grid in grids(self.figures, self.ours, whole=True):
            lines += [f"### {grid.workload}", "", *_rows(grid.titles, grid.rows), ""]
        return "\n".join(lines)

    def _targets(self) -> list[str]:
        rows = [(each.target.text, each.measured, each.wanted, f"**{each.word}**") for each in self.verdicts]
        notes = [f"{each.target.text}: {each.note}" for each in self.verdicts if each.note]
        return [*_rows(("target", "measured", "wanted", ""), rows), *_listed(notes)]


NOTES = """\
Medians of all rounds, their least and most, and the ratio to ours. CPU is that of all processes and threads of a
contestant together, by the kernel's accounting; for the gateway that is supervisor, control, workers and its Valkey.
Upstreams and load generators are not counted. Every reply was checked, and "% on new" shows that the split of 10 % was
done. Where "share of all cores in use" is near 1, the machine was the limit: requests a second then say little."""


def _rows(titles: tuple[str, ...], rows: Any) -> list[str]:
    return [_row(titles), _row(["---", *["---:"] * (len(titles) - 1)]), *map(_row, rows)]


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(lines: list[str]) -> list[str]:
    return ["", *(f"- {line}" for line in lines)] if lines else []


def _short(value: float) -> float:
    return float(f"{value:.5g}")

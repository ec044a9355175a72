"""What the admin port says of comparisons, in the sentences that all reports use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.compare.junit import Case, Suite, junit
from gateway.compare.words import count, place, seen

Report = Mapping[str, Any]
"""One feature, as GET /api/compare/FEATURE tells it."""


def verdict_sentence(report: Report) -> str:
    """`12 mismatches in 1204 comparisons: 1.00 % (95 % sure, however often one looks: 0.28 to 2.44 %)`."""
    rate = report["rate"]
    if rate is None:
        return nothing_compared(report)
    found = "mismatch" if report["mismatches"] == 1 else "mismatches"
    share = f"{rate['value']:.2%}".replace("%", " %")
    low, high = (f"{rate[end]:.2%}".rstrip("%") for end in ("low", "high"))
    told = f"{report['mismatches'] or 'no'} {found} in {count(report['compared'], 'comparison')}"
    return f"{told}: {share} (95 % sure, however often one looks: {low} to {high} %)"


def nothing_compared(report: Report) -> str:
    """And what to do about it."""
    feature = report["feature"]
    if not report["shadows"]:  # which a replay that tells of a feature always has
        return (
            f"nothing was compared yet; `gateway flag shadow {feature} 10` asks both sides for a tenth of its requests"
        )
    return f"nothing was compared yet, of {_counted(report)}: what became of them stands below"


def _counted(report: Report) -> str:
    """`12 shadows`; of a replay `12 requests`."""
    return count(report["shadows"], "request" if report["source"] == "replay" else "shadow")


def outcome_lines(report: Report) -> list[str]:
    """What became of all that was sent to both sides."""
    told = [f"{report['matches']} matched", f"{report['mismatches']} did not"]
    words = {
        "noise": "noise (legacy differs from itself there)",
        "undecided": "undecided (too few pairs to tell noise)",
        "unconfirmed": "unconfirmed (did not differ so again)",
        "failed": "failed (no reply to compare)",
    }
    told += [f"{report[name]} {text}" for name, text in words.items() if report[name]]
    dropped = [f"{number} {reason.replace('_', ' ')}" for reason, number in report["dropped"].items()]
    lines = [f"{_counted(report)}: {', '.join(told)}"]
    return [*lines, f"dropped: {', '.join(dropped)}"] if dropped else lines


def left_out_lines(report: Report) -> list[str]:
    """What was over a bound, so that nobody takes the rest for all."""
    left = report["left_out"]
    words = {
        "differences": "differences found no room: over 200 distinct ones of a feature are not told apart",
        "places": "places found no room in the account of noise",
    }
    return [f"{left[name]} {text}" for name, text in words.items() if left[name]]


def since_line(report: Report, now: float) -> str:
    return f"from {seen(report['since'], now)} to {seen(report['last'], now)}" if report["since"] else ""


def counted(report: Report) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Its differences: those that made mismatches, and the others."""
    those = [each for each in report["differences"] if each["outcomes"].get("mismatch")]
    return those, [each for each in report["differences"] if not each["outcomes"].get("mismatch")]


def where(difference: Mapping[str, Any]) -> str:
    """`$.items[*].id`, `header etag`, `status`."""
    return place(difference["place"])


def example_lines(difference: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its values in one reply of each side, with the sign of a diff; what must be of both, where a rule says so."""
    example = difference["example"]
    if example is None:
        return
    if example["legacy"] is not None:
        yield "-", example["legacy"]
    if example["new"] is not None:
        yield "+", example["new"]
    if example["expected"]:
        yield "=", f"both must be {example['expected']}"


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    return {"mismatches": any(report["mismatches"] for report in reports), "features": [*reports]}


def as_junit(reports: Sequence[Report], now: float) -> bytes:
    """One testsuite for each feature, one testcase for each distinct difference that made mismatches."""
    suites = [Suite(report["feature"], [*_cases(report, now)], 0.0, verdict_sentence(report)) for report in reports]
    return junit("gateway compare report", suites)


def _cases(report: Report, now: float) -> Iterator[Case]:
    feature = report["feature"]
    those, _ = counted(report)
    if not report["compared"]:
        yield Case(feature, "comparisons", skipped=nothing_compared(report))
    elif report["mismatches"] and not those:
        yield Case(feature, "comparisons", failure=[verdict_sentence(report)])
    elif not report["mismatches"]:
        yield Case(feature, "comparisons")
    for each in those:
        yield Case(f"{feature}.{each['route']}", f"{where(each)} ({each['change']})", failure=[*_failure(each, now)])


def _failure(difference: Mapping[str, Any], now: float) -> Iterator[str]:
    times = count(difference["outcomes"]["mismatch"], "time")
    ages = f"first {seen(difference['first'], now)}, last {seen(difference['last'], now)}"
    yield f"{difference['route']}: {where(difference)} differs, {times}, {ages}"
    if difference["example"] is not None:
        yield difference["example"]["path"]
    yield from (f"{sign} {text}" for sign, text in example_lines(difference))
    yield from (f"gateway compare show {sample}" for sample in difference["samples"][:1])

"""Percents as an operator types them, and as the code holds them: basis points by Decimal, never floats."""

from decimal import Decimal, InvalidOperation

from gateway.model import BasisPoints


def parse_percent(value: object) -> BasisPoints:
    """A percent with at most two decimals, as text, int or Decimal, to basis points: "25", "12.34 %" -> 2500, 1234.

    Raises ValueError with what is wrong and what would be right.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError(f"{value!r} is not a percent; write a number from 0 to 100, e.g. 25 or 0.5")
    text = str(value).strip().removesuffix("%").rstrip()
    # Only what a person would write: Decimal also takes "1e2", "NaN", "٣" and underscores.
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise ValueError(f"{value!s} is not a percent; write a number from 0 to 100, e.g. 25 or 0.5")
    try:
        points = Decimal(text) * 100
    except InvalidOperation:
        raise ValueError(f"{value!s} is not a percent; write a number from 0 to 100, e.g. 25 or 0.5") from None
    if points != points.to_integral_value():
        raise ValueError(f"{value!s} has more than two decimals; the finest step is 0.01")
    if not 0 <= points <= 10_000:
        raise ValueError(f"{value!s} is not within 0 and 100")
    return BasisPoints(int(points))


def format_percent(points: BasisPoints) -> str:
    """Basis points as the shortest text that parses back to them: 2500 -> "25", 50 -> "0.5", 1234 -> "12.34"."""
    whole, rest = divmod(points, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)

"""How the place of a difference is told outside the process: services choose keys, and some of them are secrets.

Nothing is told of what lies below a secret's name. Below a place that the feature redacts, and where a key holds a
secret value of the request, keys are told as `*`, so that the place still is a pattern of what is there. Bodies of
replies are not read for secrets here: that is done where samples are made, for those that have one.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from gateway.rules.compared import Compared
from gateway.rules.json_path import Pattern, Wild
from gateway.rules.place_names import MAX_PLACE, looks_like_an_id
from gateway.rules.places import Places
from gateway.rules.plan import ShadowPlan
from gateway.rules.secrecy import is_secret_name
from gateway.rules.secret_values import SecretValues
from gateway.shadow.differences import Steps, above_secrets, show_steps, steps_of
from gateway.telemetry.redact import clean_text

MAX_BODY: Final = 16 * 1024
"""Bytes of a request's body that is read for secrets: the data plane waits for it."""


class ShownPlaces:
    """Of one comparison."""

    def __init__(self, compared: Compared, plan: ShadowPlan) -> None:
        self._compared = compared
        self._plan = plan
        self._secrets: SecretValues | None = None

    def __call__(self, place: str) -> str:
        """place: as in a Pair, `body $.people.ann.mail`. The last key of one that was cut may be half a secret."""
        kind, _, where = place.partition(" ")
        if where.startswith("$"):
            steps = steps_of(where)
            where = show_steps(self._told(above_secrets(steps[:-1] if len(where) >= MAX_PLACE else steps)))
        return f"{kind} {clean_text(where, one_line=True)}"

    def _told(self, steps: Steps) -> Steps:
        redacted = min((_reached(pattern.steps, steps) for pattern in self._plan.redact), default=len(steps))
        return tuple(
            Wild.KEY if isinstance(step, str) and (number >= redacted or self._is_secret(step)) else step
            for number, step in enumerate(steps)
        )

    def _is_secret(self, key: str) -> bool:
        if self._secrets is None:
            self._secrets = _secrets(self._compared, self._plan)
        return self._secrets.hidden_in(key) != key


def _reached(pattern: Steps, steps: Steps) -> int:
    """After how many steps a pattern may match; all of them where it does not."""
    states = _without_a_step(pattern, {0})
    for number, step in enumerate(steps):
        if len(pattern) in states:
            return number
        made = {at if pattern[at] is Wild.DEEP else at + 1 for at in states if _may_be(pattern[at], step)}
        states = _without_a_step(pattern, made)
    return len(steps)


def _without_a_step(pattern: Steps, states: set[int]) -> set[int]:
    """With those that `..` comes to by no step at all."""
    return states | {at + 1 for at in states if at < len(pattern) and pattern[at] is Wild.DEEP}


def _may_be(ahead: str | int | Wild, step: str | int | Wild) -> bool:
    """`[*]` of a place may be any index, `.*` any key that looks like an id."""
    if isinstance(ahead, Wild):
        return ahead is Wild.DEEP or (ahead is Wild.KEY) == (isinstance(step, str) or step is Wild.KEY)
    if isinstance(step, Wild):
        return step is Wild.INDEX if isinstance(ahead, int) else step is Wild.KEY and looks_like_an_id(ahead)
    return ahead == step


def _secrets(compared: Compared, plan: ShadowPlan) -> SecretValues:
    """Of the request, and of what comes in headers with both replies."""
    values, asked = SecretValues(), compared.asked
    for each in (asked, compared.legacy, compared.new):
        for name, value in each.headers:
            values.add_header(name, value, is_secret=is_secret_name(name) or name in plan.redact_headers)
    values.add_pairs(asked.target.partition("?")[2])
    values.add_text(asked.target)
    if 0 < len(asked.body) <= MAX_BODY:
        _read(asked.body, plan.redact, values)
    return values


def _read(body: bytes, redact: Sequence[Pattern], values: SecretValues) -> None:
    try:
        values.add_json(orjson.loads(body), Places(redact, lambda matched, _: bool(matched)).start)
    except ValueError:
        text = body.decode("utf-8", "replace")
        values.add_pairs(text)
        values.add_text(text)

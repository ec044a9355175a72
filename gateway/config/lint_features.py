"""Features: what identifies a user, what happens without it, environment variables and rewriting by side."""

from gateway.config.draft import Draft
from gateway.config.faults import Loc, did_you_mean
from gateway.config.lint_rewrites import lint_rewrite
from gateway.config.report import OWN_HEADERS, TOKEN, Report
from gateway.config.schema import Feature, NoKey, OnUnhealthy

_KINDS = ("header:NAME", "cookie:NAME", "jwt:CLAIM", "client_ip")


def lint_features(draft: Draft, report: Report) -> None:
    flags: dict[str, str] = {}
    for name, feature in draft.each_feature():
        _lint_sides(name, feature, draft, report)
        if feature.is_retired:  # nothing but new and its rewrite means anything there: see lint_shadow
            continue
        if draft.sound("features", name, "key"):
            _lint_keys(name, feature, report)
            if draft.sound("features", name, "no_key"):
                _lint_no_key(name, feature, report)
        if feature.flag is not None:
            _lint_flag(name, feature.flag, flags, report)
        _lint_ways_back(name, feature, report)


def _lint_flag(name: str, flag: str, flags: dict[str, str], report: Report) -> None:
    first = flags.setdefault(flag, name)
    if first != name:
        line = report.line(("features", first, "flag"))
        problem = f'feature "{first}" has the same environment variable (line {line}): one would move both'
        report.fault(("features", name, "flag"), problem, "give each feature its own")


def _lint_ways_back(name: str, feature: Feature, report: Report) -> None:
    """What happens when new fails: keys that want two things at once, or nothing."""
    loc: Loc = ("features", name)
    given = feature.model_fields_set
    if feature.fallback is None:
        for key in sorted(given & {"fallback_on", "fallback_max_in_flight"}):
            report.fault((*loc, key), "says nothing without fallback", "add fallback: legacy", at_key=True)
    elif not feature.reversible:
        problem = "legacy cannot read what new has written (reversible: false), so it must not answer for it"
        report.fault((*loc, "fallback"), problem, "remove one of the two", at_key=True)
    elif feature.on_unhealthy is OnUnhealthy.FAIL:
        problem = "legacy would answer after all while new is down, and on_unhealthy says fail"
        report.fault((*loc, "fallback"), problem, "remove one of the two", at_key=True)
    if not feature.reversible and "on_unhealthy" in given and feature.on_unhealthy is OnUnhealthy.LEGACY:
        problem = "legacy cannot read what new has written (reversible: false), so nobody is moved to it"
        report.fault((*loc, "on_unhealthy"), problem, "write on_unhealthy: fail, or leave it out", at_key=True)


def _lint_sides(name: str, feature: Feature, draft: Draft, report: Report) -> None:
    sides_known = draft.sound("features", name, "legacy") and draft.sound("features", name, "new")
    if sides_known and feature.legacy == feature.new and feature.rewrite.legacy == feature.rewrite.new:
        problem = f'the same upstream as legacy, "{feature.legacy}": no percent changes anything'
        report.warn(("features", name, "new"), problem, "name the upstream of the new implementation")
    for side, rewrite in (("legacy", feature.rewrite.legacy), ("new", feature.rewrite.new)):
        if rewrite is not None and draft.sound("features", name, "rewrite"):
            paths = [(index, route.path) for index, route in draft.each_route() if route.feature == name]
            lint_rewrite(("features", name, "rewrite", side), rewrite, paths, report)


def _lint_keys(name: str, feature: Feature, report: Report) -> None:
    seen: dict[str, int] = {}
    for index, text in enumerate(feature.key):
        loc: Loc = ("features", name, "key", index)
        same = _spelling(text)
        if same in seen:
            report.fault(loc, f'"{text}" is in the list already', "remove it")
        elif "client_ip" in seen:
            problem = f'"{text}" is never reached: client_ip before it is always present'
            report.fault(loc, problem, "put client_ip last")
        seen[same] = index
        if (fault := _source_fault(text)) is not None:
            report.fault(loc, *fault)


def _spelling(text: str) -> str:
    """Header names have no case."""
    return text.lower() if text.startswith("header:") else text


def _source_fault(text: str) -> tuple[str, str] | None:
    kind, colon, name = text.partition(":")
    if text == "client_ip":
        return None
    if kind not in ("header", "cookie", "jwt") or not colon:
        close = did_you_mean(text if not colon else f"{kind}:NAME", _KINDS, nothing="")
        return f'"{text}" is no source of a key', close
    if not name:
        return f'"{text}" names nothing', f"write it like {kind}:NAME"
    if kind == "jwt":
        visible = name.isprintable() and " " not in name
        return None if visible else (f'"{text}" has a space in the claim', "write it like jwt:sub")
    if TOKEN.fullmatch(name) is None:
        return f'"{name}" is no valid name of a {kind}', f"write it like {kind}:x-user-id"
    if kind == "header" and name.lower().startswith(OWN_HEADERS):
        return f'"{name}" is the gateway\'s own and removed from requests', "use a header that clients send"
    return None


def _lint_no_key(name: str, feature: Feature, report: Report) -> None:
    loc: Loc = ("features", name, "no_key")
    if "no_key" in feature.model_fields_set and "client_ip" in feature.key:
        listed = "in the key list" if "key" in feature.model_fields_set else "the default key"
        problem = f"is never reached: client_ip is {listed} and always present"
        report.fault(loc, problem, "remove no_key, or list keys without client_ip")
    elif feature.no_key is NoKey.ISSUE and not any(text.startswith("cookie:") for text in feature.key):
        report.fault(loc, "has no cookie to issue", 'add one to the key list, e.g. "cookie:gateway_id"')

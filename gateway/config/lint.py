"""What keys of routes.yaml mean to each other: the faults that no single value shows. Pure, but for the files that it
is asked to look at.

One function for each part of the file, each told what it may rely on by `Draft.sound`.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.draft import Draft
from gateway.config.faults import known_names
from gateway.config.lint_cors import lint_cors
from gateway.config.lint_features import lint_features
from gateway.config.lint_files import lint_files
from gateway.config.lint_routes import lint_routes
from gateway.config.lint_shadow import lint_shadow
from gateway.config.lint_tls import lint_tls
from gateway.config.lint_upstreams import lint_proxies, lint_upstreams
from gateway.config.nodes import Document
from gateway.config.reach import lint_reach
from gateway.config.report import Report


def lint(draft: Draft, document: Document, files: Path | None = None) -> Report:
    """Every fault and warning that the parts of the file have with each other. files: as `load` has it."""
    report = Report(document, draft)
    lint_upstreams(draft, report)
    lint_features(draft, report)
    lint_routes(draft, report)
    lint_cors(draft, report)
    lint_shadow(draft, report)
    lint_proxies(draft, report)
    lint_tls(draft, report)
    _lint_names(draft, report)
    lint_reach(draft, report)
    if files is not None:
        lint_files(draft, files, report)
    return report


def _lint_names(draft: Draft, report: Report) -> None:
    """Names that are used and not defined, or defined and not used."""
    used_upstreams: set[str] = set()
    used_features: set[str] = set()
    for name, feature in draft.each_feature():
        for side, upstream in (("legacy", feature.legacy), ("new", feature.new)):
            if upstream is not None:
                _use(upstream, "upstream", draft.upstreams, used_upstreams, report, "features", name, side)
    for index, route in draft.each_route():
        if route.upstream is not None:
            _use(route.upstream, "upstream", draft.upstreams, used_upstreams, report, "routes", index, "upstream")
        if route.feature is not None:
            _use(route.feature, "feature", draft.features, used_features, report, "routes", index, "feature")
    if not draft.whole:
        return  # what is unused can be told only when every use was understood
    for name in draft.upstreams.keys() - used_upstreams:
        report.warn(("upstreams", name), "no feature and no route uses it", "remove it", at_key=True)
    for name in draft.features.keys() - used_features:
        report.warn(("features", name), "no route leads to it", f"add a route with feature: {name}", at_key=True)


def _use(name: str, kind: str, known: Mapping[str, object], used: set[str], report: Report, *loc: str | int) -> None:
    if not report.draft.sound(*loc) or not report.draft.sound(f"{kind}s"):
        return
    if name in known:
        used.add(name)
        return
    meant = report.nearest(name, known)
    remedy = f'did you mean "{meant}"?' if meant else known_names(known, nothing=f'define it under "{kind}s"')
    report.fault(loc, f'there is no {kind} "{name}"', remedy)
    used.add(meant or name)

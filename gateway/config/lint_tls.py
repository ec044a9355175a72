"""Certificates for clients, by their names in the file alone; what the files hold is
`gateway.certificate_files`' to say."""

from gateway.config.draft import Draft
from gateway.config.report import Report


def lint_tls(draft: Draft, report: Report) -> None:
    seen: dict[str, int] = {}
    for index, each in enumerate(draft.tls.certificates if draft.tls is not None else ()):
        loc = ("tls", "certificates", index)
        if each.certificate_file in seen:
            line = report.line(("tls", "certificates", seen[each.certificate_file]))
            report.fault((*loc, "certificate_file"), f"the same certificate as on line {line}", "keep one of them")
        seen.setdefault(each.certificate_file, index)
        for key in ("certificate_file", "key_file"):
            if "\0" in (getattr(each, key) or ""):
                report.fault((*loc, key), "holds a NUL, which no path has", "write the path of a file")

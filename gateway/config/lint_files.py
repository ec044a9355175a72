"""The files that routes.yaml names: whether they are there, and what they have to be."""

from pathlib import Path

from gateway.config.draft import Draft
from gateway.config.report import Report
from gateway.config.tls_files import absolute_files, faults_of, files_of


def lint_files(draft: Draft, base: Path, report: Report) -> None:
    """base: the directory from which relative names are meant."""
    for name, upstream in draft.each_upstream():
        if upstream.is_secure and not draft.damaged_below("upstreams", name, "tls"):
            tls = absolute_files(upstream.tls, base)
            report.files.update(files_of(tls))
            for fault in faults_of(tls):
                report.fault(("upstreams", name, "tls", fault.key), fault.problem, fault.remedy)

"""Why a recorded request is not sent."""

from enum import StrEnum
from typing import Final


class LeftOut(StrEnum):
    """The key in reports for programs; WORDS says it to people."""

    METHOD = "method"
    HOST = "host"
    PATH = "path"
    NO_FEATURE = "no_feature"
    SHADOW_OFF = "shadow_off"
    STREAM = "stream"
    RETIRED = "retired"
    DUPLICATE = "duplicate"
    SAMPLE = "sample"


WORDS: Final = {
    LeftOut.METHOD: "of other methods (--methods)",
    LeftOut.HOST: "to other hosts (--host)",
    LeftOut.PATH: "of other paths (--path)",
    LeftOut.NO_FEATURE: "that lead to no feature",
    LeftOut.SHADOW_OFF: "whose route says shadow: false",
    LeftOut.STREAM: "whose route is a stream",
    LeftOut.RETIRED: "of features without legacy",
    LeftOut.DUPLICATE: "that were there before (--unique)",
    LeftOut.SAMPLE: "not in the sample (--sample)",
}

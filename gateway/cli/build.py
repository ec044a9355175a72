"""The build that `gateway compile` runs in a process of its own: mypyc writes C, a compiler makes libraries of it.

It is made beside the one that is there, imported once, and put in its place by a rename: whoever starts meanwhile finds
the one or the other, or none, but never half of one.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mypyc.build import mypycify

from gateway import compiled

OPTIMIZE = "2"
"""At 3 it takes half as long again to build, and is no faster."""

CONFIG = "[mypy]\nplugins = pydantic.mypy\n"

IMPORTED = """
import importlib, json, sys
from pathlib import Path
from gateway import compiled
sys.meta_path.insert(0, compiled.Finder(Path(sys.argv[1])))
for name in compiled.HOT:
    importlib.import_module(f"gateway.{name}")
print(json.dumps([name for name in sys.modules if name.startswith("gateway.")]))
"""


def build() -> None:
    """Raises CalledProcessError where the compiler fails, or what it has made cannot be imported."""
    place = compiled.BUILD
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    with TemporaryDirectory() as work, ThreadPoolExecutor(os.cpu_count()) as pool:
        config = Path(work, "mypy.ini")
        config.write_text(CONFIG)
        paths = [str(compiled.PACKAGE / f"{name.replace('.', '/')}.py") for name in compiled.HOT]
        extensions = mypycify(
            ["--config-file", str(config), "--cache-dir", work, *paths],
            target_dir=work,
            group_name=compiled.GROUP,
            multi_file=True,
            opt_level=OPTIMIZE,
            debug_level="0",
        )
        for extension in extensions:
            _link(extension, list(pool.map(_Compiler(extension, Path(work)), extension.sources)), fresh)
    (fresh / compiled.MANIFEST).write_text(json.dumps(compiled.describe(_made_from(fresh))))
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


class _Compiler:
    """One C file of an extension to an object file, whose path is returned."""

    def __init__(self, extension: Any, work: Path) -> None:
        compiler, flags, shared = sysconfig.get_config_vars("CC", "CFLAGS", "CCSHARED")
        include = (sysconfig.get_path("include"), *extension.include_dirs)
        self._command = [
            *shlex.split(f"{compiler} {flags} {shared}"),
            *extension.extra_compile_args,
            *(f"-I{directory}" for directory in include),
        ]
        self._objects = work / f"objects-of-{extension.name}"
        self._objects.mkdir()

    def __call__(self, source: str) -> str:
        made = str(self._objects / f"{Path(source).stem}.o")
        subprocess.run([*self._command, "-c", source, "-o", made], check=True)  # noqa: S603 - the compiler
        return made


def _link(extension: Any, objects: list[str], into: Path) -> None:
    library = into / f"{extension.name.replace('.', '/')}{EXTENSION_SUFFIXES[0]}"
    library.parent.mkdir(parents=True, exist_ok=True)
    linker = shlex.split(sysconfig.get_config_var("LDSHARED"))
    subprocess.run([*linker, *objects, *extension.extra_link_args, "-o", str(library)], check=True)  # noqa: S603 - the compiler


def _made_from(place: Path) -> list[str]:
    """The sources that the build depends on, as paths below the package: all that its modules import."""
    environment = os.environ | {compiled.VARIABLE: "0"}
    command = [sys.executable, "-c", IMPORTED, str(place)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
    names = [name.removeprefix("gateway.").replace(".", "/") for name in json.loads(done.stdout)]
    return sorted(f"{name}.py" for name in names if (compiled.PACKAGE / f"{name}.py").exists())


if __name__ == "__main__":
    build()

"""`make run`: the whole sample migration on embedded defaults."""

import argparse
import sys
import time
from pathlib import Path

from stack.layout import DEFAULT_LEGACY_PORT, DEFAULT_NEW_PORT, Layout
from stack.run import Stack, StackError
from stack.stops import Stops

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Returns the exit status."""
    layout = _layout()
    stops = Stops()
    stops.install()
    began = time.monotonic()
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        stack = Stack(layout, stops)
        stack.start()
    except (StackError, OSError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped while it started")
        return 130
    try:
        print(_welcome(layout, time.monotonic() - began), flush=True)
        status = stack.run()
    except KeyboardInterrupt:
        status = 0
    finally:
        stops.ignore()
        print("stopping ...", flush=True)
        began = time.monotonic()
        stack.stop()
    print(f"stopped in {time.monotonic() - began:.1f} s")
    return status


def _layout() -> Layout:
    parser = argparse.ArgumentParser(prog="make run", description="The sample migration, all of it.")
    parser.add_argument("--home", type=Path, default=ROOT / ".run", help="state, kept between runs")
    parser.add_argument("--routes", type=Path, default=ROOT / "routes.yaml")
    parser.add_argument("--port", type=int, default=8000, help="where clients connect")
    parser.add_argument("--admin-port", type=int, default=8001)
    parser.add_argument("--redis-port", type=int, default=6390)
    parser.add_argument("--cache-port", type=int, default=6391, help="of the new backend's cache")
    parser.add_argument("--legacy-port", type=int, default=DEFAULT_LEGACY_PORT)
    parser.add_argument("--new-port", type=int, default=DEFAULT_NEW_PORT)
    parser.add_argument("--workers", type=int, default=2)
    given = vars(parser.parse_args())
    return Layout(**{**given, "home": given["home"].resolve()})


def _welcome(layout: Layout, seconds: float) -> str:
    clients, admin = f"http://127.0.0.1:{layout.port}", f"http://127.0.0.1:{layout.admin_port}"
    option = "" if layout.admin_port == 8001 else f" --admin {admin}"
    return f"""
ready in {seconds:.1f} s

  clients      {clients}
  operators    {admin}   /metrics  /api/status  /readyz
  Valkey       redis://127.0.0.1:{layout.redis_port}
  legacy, new  http://127.0.0.1:{layout.legacy_port}  http://127.0.0.1:{layout.new_port}
  routes       {layout.routes_file()}
  logs         {layout.logs}

three things to try, in another terminal:

  1. ask, and see which side answered (x-gateway-side):
     curl -i {clients}/api/v1/auth/config

  2. move half of the users back to the old implementation, live, and look:
     .venv/bin/gateway flag set auth 50 --reason "trying it"{option}
     .venv/bin/gateway status{option}

  3. roll back at once, and ask why a request goes where it goes:
     .venv/bin/gateway flag disable auth --reason "rollback"{option}
     .venv/bin/gateway explain GET /api/v1/auth/me -H "cookie: gateway_id=alice"{option}

Ctrl-C stops everything."""


if __name__ == "__main__":
    sys.exit(main())

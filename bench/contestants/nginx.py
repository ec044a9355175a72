"""nginx: split_clients on the cookie, connections to upstreams kept (the manual's ngx_http_upstream_module).

Bodies are streamed both ways, as everybody else here does it; by default nginx writes large ones to files first.
"""

import getpass
import os
import re
import resource
from pathlib import Path

from bench.contestants.base import Launch, Place, binary, said_by
from bench.wire import COOKIE, SHARE

CONFIG = """\
{user}
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
worker_rlimit_nofile {files};
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    split_clients "${{cookie_{cookie}}}" $side {{
        {share}% new;
        *  legacy;
    }}
    upstream legacy {{ server 127.0.0.1:{legacy}; keepalive 2048; keepalive_requests 1000000000; }}
    upstream new {{ server 127.0.0.1:{new}; keepalive 2048; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://$side;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Request-Id $request_id;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""


class Nginx:
    name = "nginx"
    sticky = True

    def missing(self) -> str | None:
        return None if self._binary else "apt-get install nginx"

    def version(self) -> str:
        found = re.search(r"nginx/(\S+)", said_by(str(self._binary), "-v"))
        return found[1] if found else "unknown"

    def launch(self, place: Place) -> Launch:
        config = place.directory / "nginx.conf"
        config.write_text(self.config(place), encoding="utf-8")
        words = (str(self._binary), "-p", str(place.directory), "-c", str(config), "-e", "stderr")
        return Launch(words, check=(*words, "-t"))

    def config(self, place: Place) -> str:
        return CONFIG.format(
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            directory=place.directory,
            files=files(),
            cookie=COOKIE,
            share=SHARE,
            legacy=place.legacy,
            new=place.new,
            port=place.port,
        )

    def settle(self, place: Place) -> None:
        pass

    @property
    def _binary(self) -> str | None:
        return binary("nginx", Path("/usr/sbin/nginx"))


def files() -> int:
    """How many descriptors this user's processes may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

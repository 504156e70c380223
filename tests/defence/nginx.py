"""nginx as a process: two proxies in a row on loopback addresses of their own, in front of an application."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.certificate import self_signed
from servers.process import eventually, free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

_CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    map $remote_addr $element {{ default 'for=$remote_addr;proto=$scheme;host="$http_host"'; }}

    # What stands at the edge overwrites scheme and host, and adds the address.
    server {{
        listen 127.0.0.1:{edge};
        listen 127.0.0.1:{tls} ssl;
        location / {{
            proxy_bind 127.0.0.2;
            proxy_set_header Host inner.example;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header Forwarded "$http_forwarded, $element";
            proxy_pass http://127.0.0.1:{app};
        }}
    }}
    # The same at the edge of a chain of two.
    server {{
        listen 127.0.0.1:{outer};
        location / {{
            proxy_bind 127.0.0.3;
            proxy_set_header Host middle.example;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header Forwarded $element;
            proxy_pass http://127.0.0.1:{inner};
        }}
    }}
    server {{
        listen 127.0.0.1:{inner};
        location / {{
            proxy_bind 127.0.0.2;
            proxy_set_header Host inner.example;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Forwarded "$http_forwarded, for=$remote_addr";
            proxy_pass http://127.0.0.1:{app};
        }}
    }}
}}
"""


@dataclass
class Ports:
    """Where a client may come in; `app` is the application itself."""

    app: int
    edge: int
    tls: int
    outer: int


@contextlib.contextmanager
def in_front_of(port: int, folder: Path) -> Iterator[Ports]:
    """Run nginx in front of the application that listens on a port of 127.0.0.1."""
    assert NGINX is not None
    self_signed(folder)
    ports = Ports(port, free_port(), free_port(), free_port())
    user = "user root;" if os.getuid() == 0 else ""
    text = _CONFIGURATION.format(
        **{"user": user, "folder": folder, "inner": free_port(), "app": port},
        **{"edge": ports.edge, "tls": ports.tls, "outer": ports.outer},
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(text, encoding="utf-8")
    process = subprocess.Popen([NGINX, "-p", folder, "-c", configuration, "-e", folder / "error.log"])
    try:
        eventually(lambda: (folder / "nginx.pid").exists(), what="nginx listening")
        yield ports
    finally:
        process.terminate()
        process.wait(5)

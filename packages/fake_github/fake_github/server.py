"""HTTP: reads a request, lets the plan of faults have its say, sends the answer."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from .faults import BREAKING, Fault
from .messages import Answer, Request
from .router import respond

if TYPE_CHECKING:
    from .fake import GitHub

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Server(ThreadingHTTPServer):
    """One thread for each connection; all of them end when the fake closes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, fake: GitHub, port: int) -> None:
        self.fake = fake
        self.closing = threading.Event()
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def close(self) -> None:
        """Stop listening, wake what hangs, cut what is still connected."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            cut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of the fake; anything else is."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.fake.bugs.append(error)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "GitHub.com"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the fake remembers requests itself."""

    def handle_request(self) -> None:
        fake, arrived = self.server.fake, self.arrived()
        faults = fake.faults.due(arrived)
        request = self.with_body(arrived, cut_short=any(fault.kind == "cut upload" for fault in faults))
        fake.seen(request)
        if self.suffer([fault for fault in faults if not fault.after]):
            return
        answer = self.answered(request)
        fake.settled(request, answer)
        if not self.suffer([fault for fault in faults if fault.after]):
            self.send(request, answer, cut_short=any(fault.kind == "cut answer" for fault in faults))

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = handle_request

    def arrived(self) -> Request:
        """The request without its body, numbered."""
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        return Request(self.server.fake.next_number(), self.command, target.path, query, headers)

    def with_body(self, request: Request, cut_short: bool) -> Request:
        """The request with what arrives of its body, or half of it for a cut upload."""
        length = request.headers.get("content-length", "0")
        wanted = int(length) if length.isdigit() else 0
        body = self.rfile.read(wanted)
        self.read_chunks(request)
        if "transfer-encoding" in request.headers or len(body) < wanted:
            self.close_connection = True
        body = body[: wanted // 2] if cut_short else body
        parts = (request.number, request.method, request.path, request.query, request.headers)
        return Request(*parts, body, len(body) == wanted)

    def read_chunks(self, request: Request) -> None:
        """Take a body in chunks off the wire and drop it: closing with it unread would reset the connection."""
        if "transfer-encoding" not in request.headers:
            return
        while size := int(self.rfile.readline() or b"0", 16):
            self.rfile.read(size + len(b"\r\n"))
        self.rfile.readline()

    def answered(self, request: Request) -> Answer:
        """The true answer; a bug of the fake is a 500 here and an error when the fake closes."""
        try:
            return respond(self.server.fake, request)
        except Exception as error:
            self.server.fake.bugs.append(error)
            traceback.print_exc()
            return Answer(500, {"message": f"the fake itself failed: {error!r}"})

    def suffer(self, faults: list[Fault]) -> bool:
        """Let the faults happen; is the request over with them?"""
        for fault in faults:
            if fault.action:
                fault.action()
            if instead := fault.answered():
                self.send(None, instead)
            if fault.kind == "hang":
                self.server.closing.wait()
            if fault.kind in BREAKING:
                reset(self.connection)
                self.close_connection = True
            if instead or fault.kind in BREAKING:
                return True
        return False

    def send(self, request: Request | None, answer: Answer, cut_short: bool = False) -> None:
        body = answer.encoded()
        if cut_short and not body:
            self.suffer([Fault("reset")])
            return
        self.send_response(answer.status)
        number = request.number if request else 0
        for name, value in {**answer.headers, "X-GitHub-Request-Id": f"FAKE:{number}"}.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut_short else body)
        if cut_short:
            self.close_connection = True


def reset(connection: socket.socket) -> None:
    """Close with RST, as a crashed peer does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()


def cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

"""A web server on this machine that breaks off, damages and delays what it serves, as it is told to."""

import http.server
import threading
from collections import Counter
from contextlib import contextmanager


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; `server.plans` says per path what happens to the first requests."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        with server.lock:
            server.asked[self.path] += 1
            server.ranges.append((self.path, self.headers.get("Range")))
            plan = server.plans.get(self.path, [])
            step = plan.pop(0) if plan else "whole"
        content = server.files.get(self.path)
        if content is None:
            self.answer(404, b"none such")
        elif step == "busy":
            self.answer(503, b"later", {"Retry-After": "0"})
        elif step == "damaged":
            self.answer(200, b"x" * len(content))
        else:
            self.serve(content, step)

    def serve(self, content, step):
        start, headers = 0, {}
        asked = self.headers.get("Range")
        if asked and self.server.continues:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if step == "cut":
            self.start(206 if start else 200, len(body), headers)
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
        elif isinstance(step, threading.Event):
            self.start(206 if start else 200, len(body), headers)
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            step.wait(10)
            self.close_connection = True
        else:
            self.answer(206 if start else 200, body, headers)

    def start(self, status, length, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, status, body, headers=None):
        self.start(status, len(body), headers)
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Files by path, and what goes wrong with them."""

    def handle_error(self, *_):
        """A client that went away is part of the tests."""


@contextmanager
def file_server(files):
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.files, server.plans, server.continues = dict(files), {}, True
    server.asked, server.ranges, server.lock = Counter(), [], threading.Lock()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

"""A web server in the place of Airflow's, for what a real one does too seldom: to be late, or paused at the right moment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def web_server(answer: Callable[[BaseHTTPRequestHandler], bytes]) -> Iterator[str]:
    """Serve what `answer` says to each request, whatever its method; the value is the address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answer(self)
            with suppress(BrokenPipeError):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_PATCH = do_GET  # noqa: N815 - the names http.server looks for

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()

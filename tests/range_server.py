"""Serves a folder on 127.0.0.1 with byte ranges, as object stores do; prints its port first.

A process of its own: pysam holds the interpreter while it waits for a server.
"""

from __future__ import annotations

import io
import re
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(SimpleHTTPRequestHandler):
    """A whole file, or the bytes from one place to another.

    Files of the folder ``signed`` need the query ``?signature=s3cret``, those of ``each`` one that ends in
    their name.
    """

    def send_head(self) -> Any:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        signature = self.path.partition("?signature=")[2]
        if path.parent.name in ("signed", "each"):
            asked = "s3cret" if path.parent.name == "signed" else f"s3cret-{path.name}"
            if signature != asked:
                self.send_error(403)
                return None
        if wanted is None or not path.is_file():
            return super().send_head()
        data = path.read_bytes()
        low, high = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
        if low > high:
            self.send_error(416)
            return None
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {low}-{high}/{len(data)}")
        self.send_header("Content-Length", str(high + 1 - low))
        self.end_headers()
        return io.BytesIO(data[low : high + 1])

    def copyfile(self, source: Any, outputfile: Any) -> None:
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:  # the reader has what it wants
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=sys.argv[1])) as server:
        print(server.server_port, flush=True)
        server.serve_forever()

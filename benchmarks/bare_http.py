"""The reference of the load: the bare server of one tool, over HTTP. `python -m benchmarks.bare_http PORT`."""

import sys

from benchmarks.bare_server import server

if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))

"""`python -m vectorstores_server` is `vector-stores-mcp`."""

from vectorstores_server.cli import main

if __name__ == "__main__":
    main()

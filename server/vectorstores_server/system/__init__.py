"""The process and its machine: logs, what only POSIX has, and how a process ends."""

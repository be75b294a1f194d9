"""The intake, which opens what a caller names: paths, folders and globs below the roots, and URLs that are allowed."""

from vectorstores_server.intake.local_intake import MachineIntake, intake_for

__all__ = ["MachineIntake", "intake_for"]

"""Everything over HTTP: one app, the guard in front of it, and the port that it is served on."""

"""A filtered search through the Engine, its queries' vectors already there."""

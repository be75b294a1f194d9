"""Who answers the tools, and how they are served."""

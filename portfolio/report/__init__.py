"""Results a person can act on: tables, the terminal summary, the run folder."""

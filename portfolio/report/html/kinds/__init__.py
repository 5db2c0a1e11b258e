"""Pages of studies of tidy tables, by kind: each reads the tables of its kind and says which charts they make."""

"""Rules without input or output: rows in, rows and problems out."""

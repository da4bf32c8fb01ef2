"""What the ledger's figures come from: ``make bench-ledger``.

Every goal is a ratio of two works measured side by side in one run, in turns; the absolute rates
only help to read it. One module per group of rows, ``__main__`` runs them and writes the table.
"""

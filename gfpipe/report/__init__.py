"""The report: one page about an archive, for readers and for print."""

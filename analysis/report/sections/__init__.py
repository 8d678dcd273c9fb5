"""The sections of the report, in files of their own."""

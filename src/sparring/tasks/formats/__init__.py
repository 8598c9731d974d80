"""Readers of published data sets' own rows, one file per data set; `which` picks the reader."""

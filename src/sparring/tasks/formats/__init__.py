"""Rows of published data sets as they are, one file for each data set; `which` tells them apart."""

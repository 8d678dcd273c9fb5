"""The stage that trains each cell's chosen setting again and scores it on the test sets."""

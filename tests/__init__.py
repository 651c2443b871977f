"""Tests, in the folders of the code they test; a package, so that no installed `tests` shadows it."""

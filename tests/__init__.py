"""Tests, in the folders of the code they test; a package, so that none installed shadows it."""

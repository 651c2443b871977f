"""Turn labelled pictures into a dataset of files: list, check, make uniform, select, write."""

"""From CIFAR-100 to a dataset in files: fetch, read, select, check, write."""

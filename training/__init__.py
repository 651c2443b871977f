"""Turn CIFAR-100 into a dataset of files: fetch, read, select, check, write."""

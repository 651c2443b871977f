"""CIFAR-100: fetch the archive, read it safely, check its rows; draw stand-ins in its form."""

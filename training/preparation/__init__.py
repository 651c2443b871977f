"""Make pictures uniform: one picture, and many of them on all processors."""

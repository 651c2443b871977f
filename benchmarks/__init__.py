"""Commands that measure and print tables; none of them needs an account.

python -m benchmarks            everything that has a comparator, in one table: docs/benchmarks.md
python -m benchmarks.captures   how fast captures are read, and how much memory that takes
python -m benchmarks.drift      how soon the drift detector finds what, and how often it errs
python -m benchmarks.synth      the whole app's synthesis beside that of an empty one-bucket app
"""

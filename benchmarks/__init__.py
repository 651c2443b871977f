"""Commands that measure and print tables; none of them needs an account.

python -m benchmarks.drift    how soon the drift detector finds what, and how often it errs
python -m benchmarks.synth    the whole app's synthesis beside that of an empty one-bucket app
"""

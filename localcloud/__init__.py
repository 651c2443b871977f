"""The local cloud: an AWS emulator in one process, with SageMaker, for laptops and tests."""

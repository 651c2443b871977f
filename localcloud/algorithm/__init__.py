"""The local algorithm: a small stand-in for SageMaker's built-in image-classification.

It keeps the real algorithm's contract (the `/opt/ml` folders, hyperparameters, log lines and the
reply of the model server) and replaces the network by gradient and colour features and a
calibrated support vector machine, which learns 1,000 pictures in seconds. Like a container, it
runs in its own process: `python -m localcloud.algorithm train | serve`.

    inputs.py           hyperparameters, channels and their .lst files
    features.py         a picture becomes a row of numbers
    model.py            the model file, and probabilities from it (numpy only)
    fitting.py          learning (scikit-learn)
    train.py, serve.py  the two commands
"""

"""The local algorithm: a small stand-in for SageMaker's built-in image-classification.

It keeps the contract of the real one (the `/opt/ml` folders, the hyperparameters, the log lines,
the reply of the model server) and replaces the network behind it with gradient and colour
features and a calibrated support vector machine, which learns 1,000 pictures in seconds.
Nothing here knows of the rest of the project: `python -m localcloud.algorithm train | serve` is
started as a process of its own, as a container would be.

    errors.py           what may be wrong with a job's input or with a picture
    hyperparameters.py  names and ranges, as documented
    channels.py         the /opt/ml input folders and their .lst files
    features.py         a picture becomes a row of numbers
    model.py            the model file, and probabilities from it (numpy only)
    fitting.py          learning (scikit-learn)
    train.py, serve.py  the two commands
"""

"""Hold what is usually built for this task, for comparison with the application.

Three chained Lambda functions that carry `image_data` through every state, with /tmp/image.png,
bytes in the reply, ContentType image/png, a body that is JSON text in one step and an object in
another, and an exception where the confidence is too low.
"""

"""What is usually built for this task, to be measured beside ours: see `workflow.py` here.

Written from the usual descriptions: three chained Lambda functions that carry `image_data` through
every state, /tmp/image.png, bytes in the reply, ContentType image/png, a body that is JSON text in
one step and an object in another, and an exception where the confidence is too low.
"""

"""Training: the job as a custom resource."""

"""Everything about the pictures before deployment: fetch, select, check, write, stage to S3."""
